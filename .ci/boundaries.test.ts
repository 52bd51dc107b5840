import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findForbiddenWords } from './forbidden-words.ts'

/** Files that break the boundaries. Each key is a file, and its value lists what the file imports. */
const breaking: Record<string, string[]> = {
  'server/src/util/circle.ts': ['./other-half.ts'],
  'server/src/util/other-half.ts': ['type ./circle.ts'],
  'server/src/leads/from-test.ts': ['../../test/helper.ts'],
  'server/src/leads/page.ts': ['../../../web/src/words/en.ts'],
  'web/src/api/rows.ts': ['../../../server/src/errors.ts'],
  'web/src/api/files.ts': ['node:fs'],
  'shared/src/files.ts': ['node:fs'],
  'web/src/api/schema.ts': ['../../../shared/src/leads.schema.ts'],
  'web/src/api/contract.ts': ['../../../shared/src/index.ts'],
  'shared/src/rows.ts': ['../../server/src/errors.ts'],
  'packages/one/src/words.ts': ['../../../shared/src/statuses.ts'],
  'packages/one/src/neighbour.ts': ['../../two/src/index.ts'],
  'server/src/leads/inside.ts': ['../../../packages/one/src/inner.ts'],
  'server/src/util/pool.ts': ['../db/database.ts'],
  'server/src/db/leads.ts': ['../leads/plain.ts'],
  'server/src/vendor/errors.ts': ['../errors.ts'],
  'server/src/http/leads.ts': ['../leads/plain.ts'],
  'server/src/leads/wiring.ts': ['../app.ts'],
  'server/src/leads/a.table.ts': ['./b.queries.ts'],
  'server/src/leads/b.queries.ts': ['./c.usecases.ts'],
  'server/src/leads/c.usecases.ts': ['../http/answers.ts'],
  'server/src/leads/d.usecases.ts': ['./e.job.ts'],
  'server/src/leads/d.routes.ts': ['./f.queries.ts'],
  'server/src/leads/e.job.ts': ['./g.routes.ts'],
  'server/src/staff/lead.usecases.ts': ['../leads/f.queries.ts'],
  'server/src/activation/session/floor.ts': ['../starting/plain.ts'],
  'server/src/activation/starting/floor.ts': ['../chunks/plain.ts'],
  'server/src/activation/chunks/floor.ts': ['../breaker/plain.ts'],
  'server/src/activation/breaker/floor.ts': ['../commands/plain.ts'],
  'server/src/activation/accounts/floor.ts': ['../commands/plain.ts'],
  'server/src/activation/commands/floor.ts': ['../accounts/plain.ts'],
  'server/src/activation/holds/floor.ts': ['../delivery/plain.ts'],
  'server/src/activation/history/floor.ts': ['../holds/plain.ts'],
  'server/src/activation/delivery/floor.ts': ['../maintenance/plain.ts'],
  'server/src/activation/maintenance/floor.ts': ['../routes/plain.ts'],
  'web/src/tracker/store.ts': ['../api/call.ts', 'pinia'],
  'web/src/activate/form.ts': ['../ui/Button.ts'],
  'web/src/ui/badge.ts': ['type ../leads/lead.ts'],
}

/** Files that break no boundary, with their imports. */
const allowed: Record<string, string[]> = {
  'server/src/leads/ok.routes.ts': ['./ok.usecases.ts', '../http/answers.ts'],
  'server/src/leads/ok.job.ts': ['./ok.usecases.ts', './f.queries.ts'],
  'server/src/leads/ok.usecases.ts': ['./f.queries.ts', '../staff/ok.usecases.ts', '../errors.ts'],
  'server/src/leads/f.queries.ts': ['./f.table.ts', '../db/database.ts', '../staff/f.table.ts'],
  'server/src/leads/ok.test.ts': ['../../test/helper.ts', '../staff/f.queries.ts', '../app.ts'],
  'server/src/db/database.ts': ['../util/plain.ts', '../errors.ts', '../../../shared/src/statuses.ts'],
  'server/src/activation/routes/ok.ts': ['../session/plain.ts', '../delivery/plain.ts', '../../mail/ok.usecases.ts'],
  'server/src/app.ts': ['./leads/ok.routes.ts', '../../packages/one/src/index.ts'],
  'packages/one/src/index.ts': ['./inner.ts'],
  'web/src/tracker/ok.ts': ['../live/connection.ts', '../words/en.ts', '../../../shared/src/statuses.ts', 'vue'],
  'web/src/activate/ok.ts': ['../api/call.ts', '../words/en.ts', 'vue'],
  'web/src/ui/ok.ts': ['../words/en.ts', 'pinia', 'vue'],
  'web/src/leads/lead.ts': [
    'type ../../../shared/src/leads.schema.ts',
    'type ../../../shared/src/index.ts',
    '../ui/ok.ts',
    '../tracker/ok.ts',
    '../api/call.ts',
  ],
}

const tree = { ...breaking, ...allowed }
const libraries = ['vue', 'pinia']

let folder: string
/** The violations that were reported, each as `rule: from → to`. */
let broken: string[]
let ruleNames: string[]

/** Writes the files of the tree. A file that is imported and not described there is written too, and imports nothing. */
function writeTree(): void {
  const files = new Map<string, string>()
  const specifierOf = (target: string) => target.replace(/^type /, '')
  for (const [file, imports] of Object.entries(tree)) {
    const lines = imports.map((target, index) =>
      target.startsWith('type ')
        ? `import type { value as v${index} } from '${specifierOf(target)}'`
        : `import { value as v${index} } from '${target}'`,
    )
    files.set(
      file,
      `${lines.join('\n')}\nexport const value = [${imports.map((_, index) => `typeof v${index}`).join()}]\n`,
    )
    for (const target of imports.map(specifierOf).filter((each) => each.startsWith('.'))) {
      const imported = path.posix.join(path.posix.dirname(file), target)
      if (!(imported in tree)) files.set(imported, 'export const value = 1\n')
    }
  }
  for (const name of libraries) {
    files.set(`node_modules/${name}/package.json`, JSON.stringify({ name, main: 'index.js' }))
    files.set(`node_modules/${name}/index.js`, 'module.exports = {}\n')
  }
  files.set('tsconfig.json', '{}')
  files.set('package.json', JSON.stringify({ dependencies: { vue: '*', pinia: '*' } }))
  for (const [file, text] of files) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    writeFileSync(path.join(folder, file), text)
  }
}

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'boundaries-'))
  writeTree()
  const program = path.join(import.meta.dirname, '../node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      program,
      '--config',
      path.join(import.meta.dirname, '../.dependency-cruiser.mjs'),
      '-T',
      'json',
      'server',
      'shared',
      'packages',
      'web',
    ],
    { cwd: folder, encoding: 'utf8', maxBuffer: 100_000_000 },
  )
  if (stdout === '') throw new Error(stderr)
  const { summary } = JSON.parse(stdout) as {
    summary: {
      violations: { rule: { name: string }; from: string; to: string }[]
      ruleSetUsed: { forbidden: { name: string }[] }
    }
  }
  ruleNames = summary.ruleSetUsed.forbidden.map(({ name }) => name)
  broken = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function expectBroken(...lines: string[]): void {
  for (const line of lines) expect(broken).toContain(line)
}

it('The boundaries report no file that breaks none', () => {
  expect(broken.filter((line) => Object.keys(allowed).some((file) => line.includes(`: ${file} → `)))).toEqual([])
})

it('Each boundary is broken at least once by the files of this test', () => {
  expect(ruleNames.filter((name) => !broken.some((line) => line.startsWith(`${name}: `)))).toEqual([])
})

it('Files that import each other are a broken boundary, types included', () => {
  expectBroken('no-circle: server/src/util/circle.ts → server/src/util/other-half.ts')
})

it('Production code that imports a helper of tests is a broken boundary', () => {
  expectBroken('no-import-of-tests: server/src/leads/from-test.ts → server/test/helper.ts')
})

it('The server that imports the web app is a broken boundary', () => {
  expectBroken('server-knows-no-web: server/src/leads/page.ts → web/src/words/en.ts')
})

it('The web app that imports the server is a broken boundary', () => {
  expectBroken('web-knows-no-server: web/src/api/rows.ts → server/src/errors.ts')
})

it('Code of the browser that needs Node is a broken boundary', () => {
  expectBroken('browser-without-node: web/src/api/files.ts → fs', 'browser-without-node: shared/src/files.ts → fs')
})

it('A schema that the web app imports other than as a type is a broken boundary', () => {
  expectBroken(
    'browser-without-schemas: web/src/api/schema.ts → shared/src/leads.schema.ts',
    'browser-without-schemas: web/src/api/contract.ts → shared/src/index.ts',
  )
})

it('The contract that imports one of its sides is a broken boundary', () => {
  expectBroken('shared-knows-neither-side: shared/src/rows.ts → server/src/errors.ts')
})

it('A package that imports the project or another package is a broken boundary', () => {
  expectBroken(
    'packages-know-no-project: packages/one/src/words.ts → shared/src/statuses.ts',
    'packages-know-no-project: packages/one/src/neighbour.ts → packages/two/src/index.ts',
  )
})

it('A file behind the index of a package that is imported from outside is a broken boundary', () => {
  expectBroken('packages-by-their-index: server/src/leads/inside.ts → packages/one/src/inner.ts')
})

it('Util that imports the server is a broken boundary', () => {
  expectBroken('util-at-the-bottom: server/src/util/pool.ts → server/src/db/database.ts')
})

it('Vendor that imports the server is a broken boundary', () => {
  expectBroken('vendor-at-the-bottom: server/src/vendor/errors.ts → server/src/errors.ts')
})

it('Db that imports a feature is a broken boundary', () => {
  expectBroken('db-above-util: server/src/db/leads.ts → server/src/leads/plain.ts')
})

it('Http that imports a feature is a broken boundary', () => {
  expectBroken('http-knows-no-feature: server/src/http/leads.ts → server/src/leads/plain.ts')
})

it('A feature that imports what wires the process is a broken boundary', () => {
  expectBroken('top-is-imported-by-nobody: server/src/leads/wiring.ts → server/src/app.ts')
})

it('A layer that imports one above it is a broken boundary', () => {
  expectBroken(
    'layer-tables: server/src/leads/a.table.ts → server/src/leads/b.queries.ts',
    'layer-queries: server/src/leads/b.queries.ts → server/src/leads/c.usecases.ts',
    'layer-usecases: server/src/leads/c.usecases.ts → server/src/http/answers.ts',
    'layer-usecases: server/src/leads/d.usecases.ts → server/src/leads/e.job.ts',
    'layer-jobs: server/src/leads/e.job.ts → server/src/leads/g.routes.ts',
  )
})

it('A route that passes its use cases and asks the queries itself is a broken boundary', () => {
  expectBroken('layer-routes: server/src/leads/d.routes.ts → server/src/leads/f.queries.ts')
})

it('A feature that uses the queries of another feature is a broken boundary', () => {
  expectBroken('features-by-their-usecases: server/src/staff/lead.usecases.ts → server/src/leads/f.queries.ts')
})

it('A folder of activation that imports from its own floor or one above is a broken boundary', () => {
  const above = {
    session: 'starting',
    starting: 'chunks',
    chunks: 'breaker',
    breaker: 'commands',
    accounts: 'commands',
    commands: 'accounts',
    holds: 'delivery',
    history: 'holds',
    delivery: 'maintenance',
    maintenance: 'routes',
  }
  expectBroken(
    ...Object.entries(above).map(
      ([from, to]) =>
        `activation-floor-${from}: server/src/activation/${from}/floor.ts → server/src/activation/${to}/plain.ts`,
    ),
  )
})

it('The tracker that imports a library or a folder of the staff app is a broken boundary', () => {
  expectBroken(
    'web-tracker-alone: web/src/tracker/store.ts → web/src/api/call.ts',
    'web-tracker-alone: web/src/tracker/store.ts → node_modules/pinia/index.js',
  )
})

it("The invited person's page that imports a piece of the staff app is a broken boundary", () => {
  expectBroken('web-activate-alone: web/src/activate/form.ts → web/src/ui/Button.ts')
})

it('A piece of ui that imports a feature, if only its types, is a broken boundary', () => {
  expectBroken('web-ui-without-domain: web/src/ui/badge.ts → web/src/leads/lead.ts')
})

const findIn = (file: string, text: string) => findForbiddenWords([{ path: file, text }]).map(({ word }) => word)

it('A private field of a library is found in the server, and may stand in vendor', () => {
  const lines = ['smtp._socket.write()', 'Sender.frame(data)', 'UPDATE jobs.job SET', "'__Secure-name'"]
  for (const line of lines) {
    expect(findIn('server/src/mail/smtp/wire.ts', line)).toHaveLength(1)
    expect(findIn('server/src/vendor/library.ts', line)).toEqual([])
  }
})

it('A retired word is found in texts, in identifiers and in names of files, also in the plural', () => {
  expect(findIn('server/src/db/a.ts', '// The visit ends.')).toEqual(['visit'])
  expect(findIn('server/src/db/a.ts', 'const { visits, startVisit } = await visitDatabase()')).toHaveLength(1)
  expect(findIn('server/src/db/a.ts', 'function startVisit() {}')).toEqual(['Visit'])
  expect(findIn('server/src/db/embedded-visit.ts', '')).toEqual(['visit'])
})

it('A retired word is not found in another word, nor where history is told', () => {
  expect(findIn('server/src/db/a.ts', 'the visitor, revisited')).toEqual([])
  for (const file of ['CHANGELOG.md', 'server/migrations/0001_first.sql', 'docs/decisions/0002-embedded-postgres.md'])
    expect(findIn(file, 'the keyed pool')).toEqual([])
  expect(findIn('docs/decisions/0016-later.md', 'the keyed pool')).toEqual(['keyed pool'])
})
