import os from 'node:os'
import path from 'node:path'
import type { Application, Logger } from '../src/index.ts'

/** An application as the tests know it. */
export const application: Application = {
  name: 'Example',
  database: 'example',
  sharedFolder: path.join(os.tmpdir(), 'embedded-postgres-test'),
  settings: { dataDirectory: 'EXAMPLE_DATA', databaseUrl: 'EXAMPLE_URL' },
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} }
