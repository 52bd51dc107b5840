// Reads vitest's JSON report and ends with the line that says how many tests passed and failed. A test that was skipped is a failure.
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const skipped = report.numPendingTests + report.numTodoTests
if (skipped > 0) console.log(`${skipped} tests were skipped; every test must run.`)
console.log(`${report.numPassedTests} passed, ${report.numFailedTests + skipped} failed`)
process.exit(report.success && skipped === 0 && report.numPassedTests > 0 ? 0 : 1)
