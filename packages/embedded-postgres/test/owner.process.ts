import { startEmbeddedPostgres } from '../src/index.ts'
import { application, silentLogger } from './application.ts'

// A process that owns an embedded PostgreSQL until it is killed. Its first line is JSON: the url, port and adopted, or an error.
process.on('SIGINT', () => {})
const [, , dataDirectory = ''] = process.argv
const answer = await startEmbeddedPostgres({ application, dataDirectory, logger: silentLogger }).then(
  ({ url, port, adopted }) => ({ url, port, adopted }),
  (error: Error) => ({ error: error.message }),
)
process.stdout.write(`${JSON.stringify(answer)}\n`)
if ('url' in answer) setInterval(() => {}, 60_000)
