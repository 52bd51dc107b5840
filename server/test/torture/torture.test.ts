import { expect, it } from 'vitest'
import { torture } from './torture.ts'

const seed = Date.now() % 1_000_000

it(
  'Rollcall keeps every invariant while its processes are killed and frozen and its servers are restarted',
  { timeout: 240_000 },
  async () => {
    const report = await torture({
      minutes: 0.35,
      seed,
      leads: 800,
      // Who reads a failure needs the seed; who reads a success sees what was done.
      say: (line) => process.stderr.write(`${line}\n`),
    })
    process.stderr.write(`${JSON.stringify(report)}\n`)
    expect(report.broken, `again with: npm run torture -- --seed ${seed} --minutes 0.35 --leads 800`).toEqual([])
    expect(
      report.kills + report.freezes + report.databaseRestarts + report.mailServerRestarts + report.sessionCommands,
    ).toBeGreaterThan(0)
  },
)
