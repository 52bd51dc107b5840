import { pino } from 'pino'
import { startEmbeddedPostgres } from '../src/embedded-postgres.ts'

// A process that owns an embedded PostgreSQL until it is killed; its first line says how it went.
process.on('SIGINT', () => {})
const [, , dataDirectory = ''] = process.argv
const answer = await startEmbeddedPostgres({ dataDirectory, logger: pino({ level: 'silent' }) }).then(
  ({ url, port, adopted }) => ({ url, port, adopted }),
  (error: Error) => ({ error: error.message }),
)
process.stdout.write(`${JSON.stringify(answer)}\n`)
if ('url' in answer) setInterval(() => {}, 60_000)
