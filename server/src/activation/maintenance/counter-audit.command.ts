import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { readDatabaseConfig } from '../../config.ts'
import { openDatabase, openPool } from '../../db/database.ts'
import { attachEmbeddedPostgres } from '../../db/embedded.ts'
import { checkCounters, mismatchLine, type CounterCheck } from './counter-audit.usecases.ts'

const logger = pino({ level: 'warn' }, pino.destination(2))

/** Checks the counters of all sessions, in a database that may be in use. Exit code 1: some disagree; 2: it could not look. */
async function command(): Promise<number> {
  const { databaseUrl, dataDirectory } = readDatabaseConfig(process.env)
  const attachment =
    databaseUrl === null
      ? await attachEmbeddedPostgres({ dataDirectory, logger })
      : { url: databaseUrl, detach: async () => undefined }
  try {
    const { checked, mismatches } = await check(attachment.url)
    const lines = [...mismatches.map(mismatchLine), `${checked} sessions checked, ${mismatches.length} disagree`]
    process.stdout.write(`${lines.join('\n')}\n`)
    return mismatches.length === 0 ? 0 : 1
  } finally {
    await attachment.detach()
  }
}

async function check(url: string): Promise<CounterCheck> {
  const pool = openPool(url, { maximum: 1, onError: () => undefined })
  try {
    return await openDatabase(pool).transaction(async (transaction) => {
      await transaction.execute(sql`SET TRANSACTION READ ONLY`)
      return checkCounters(transaction)
    })
  } finally {
    await pool.end()
  }
}

process.exitCode = await command().catch((error: unknown) => {
  process.stderr.write(`The counters could not be checked: ${reasonOf(error)}\n`)
  return 2
})

/** What the driver says is the cause of what drizzle says, which is the statement. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause)
}
