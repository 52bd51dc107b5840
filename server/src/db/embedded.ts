import {
  type Application,
  type Attachment,
  attachEmbeddedPostgres as attach,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres as start,
} from 'embedded-postgres-server'

const application: Application = {
  name: 'Rollcall',
  database: 'rollcall',
  sharedFolder: '/var/lib/rollcall',
  settings: { dataDirectory: 'DATA_DIR', databaseUrl: 'DATABASE_URL' },
}

type Options = Omit<EmbeddedPostgresOptions, 'application'>

/** Starts and owns the PostgreSQL in Rollcall's data folder; see the package's README. */
export function startEmbeddedPostgres(options: Options): Promise<EmbeddedPostgres> {
  return start({ ...options, application })
}

/** Finds or starts the PostgreSQL in Rollcall's data folder for a command that looks at it and goes again. */
export function attachEmbeddedPostgres(options: Options): Promise<Attachment> {
  return attach({ ...options, application })
}
