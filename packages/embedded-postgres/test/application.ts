import os from 'node:os'
import path from 'node:path'
import type { Application, Logger } from '../src/index.ts'

/** The application that the tests give to the package. */
export const application: Application = {
  name: 'Example',
  database: 'example',
  sharedFolder: path.join(os.tmpdir(), 'embedded-postgres-test'),
  settings: { dataDirectory: 'EXAMPLE_DATA', databaseUrl: 'EXAMPLE_URL' },
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} }
