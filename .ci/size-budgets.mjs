// Weighs what a browser loads for each entry and page of the built web app, gzipped, and fails where one is over its budget.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const folder = path.join(import.meta.dirname, '../web/dist')
const manifest = JSON.parse(readFileSync(path.join(folder, '.vite/manifest.json'), 'utf8'))
const kilobyte = 1000
const budgets = { staffShell: 170 * kilobyte, page: 250 * kilobyte, activationPage: 40 * kilobyte }

/** Returns the files that a browser loads together with a chunk, without those that the chunk loads later. */
function filesOf(name, files = new Set()) {
  const chunk = manifest[name]
  if (files.has(chunk.file)) return files
  files.add(chunk.file)
  for (const style of chunk.css ?? []) files.add(style)
  for (const imported of chunk.imports ?? []) filesOf(imported, files)
  return files
}

function weightOf(files) {
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(path.join(folder, file))).length, 0)
}

const shell = filesOf('index.html')
const rows = [
  ['activation page', weightOf(filesOf('activate.html')), budgets.activationPage],
  ['staff shell', weightOf(shell), budgets.staffShell],
  ...(manifest['index.html'].dynamicImports ?? []).map((name) => [
    name,
    weightOf(new Set([...shell, ...filesOf(name)])),
    budgets.page,
  ]),
]
for (const [name, weight, budget] of rows) {
  const verdict = weight > budget ? `OVER its budget of ${budget / kilobyte} kB` : `of ${budget / kilobyte} kB`
  console.log(`${(weight / kilobyte).toFixed(1).padStart(7)} kB ${verdict}  ${name}`)
}
process.exit(rows.some(([, weight, budget]) => weight > budget) ? 1 : 0)
