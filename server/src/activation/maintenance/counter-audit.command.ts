import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { readDatabaseConfig } from '../../config.ts'
import { openDatabase, openPool } from '../../db/database.ts'
import { attachEmbeddedPostgres } from '../../db/embedded.ts'
import { causesOf } from '../../util/causes.ts'
import { auditCounters, mismatchLine, type CounterAudit } from './counter-audit.usecases.ts'

const logger = pino({ level: 'warn' }, pino.destination(2))

/**
 * Audits the counters of all sessions, in a database that may be in use. Returns the exit code: 0 where all agree, 1 where
 * some disagree. The process ends with 2 where the audit failed.
 */
async function command(): Promise<number> {
  const { databaseUrl, dataDirectory } = readDatabaseConfig(process.env)
  const attachment =
    databaseUrl === null
      ? await attachEmbeddedPostgres({ dataDirectory, logger })
      : { url: databaseUrl, detach: async () => undefined }
  try {
    const { checked, mismatches } = await audit(attachment.url)
    const lines = [...mismatches.map(mismatchLine), `${checked} sessions checked, ${mismatches.length} disagree`]
    process.stdout.write(`${lines.join('\n')}\n`)
    return mismatches.length === 0 ? 0 : 1
  } finally {
    await attachment.detach()
  }
}

async function audit(url: string): Promise<CounterAudit> {
  const pool = openPool(url, { maximum: 1, onError: () => undefined })
  try {
    return await openDatabase(pool).transaction(async (transaction) => {
      await transaction.execute(sql`SET TRANSACTION READ ONLY`)
      return auditCounters(transaction)
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
  const [said, cause = said] = causesOf(error)
  return cause === undefined ? String(error) : cause.message || String((cause as NodeJS.ErrnoException).code)
}
