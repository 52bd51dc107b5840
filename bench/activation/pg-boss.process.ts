import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { PgBoss } from 'pg-boss'
import { answerRequests } from '../support/processes.ts'
import { addressOf, type Message } from './message.ts'
import { openTransport } from './transport.ts'

const queue = 'invite'
/** These values were the fastest of those that were tried: larger batches wait for their slowest mail, smaller ones for the queue. */
const workers = 4
const batchSize = 50
const connections = 20

interface Round {
  databaseUrl: string
  port: number
  mails: number
  message: Message
}

/** Runs the peer as such programs are often written: one job a lead, which inserts the account, sends the mail and stores that it was sent. Resolves to mails a second. */
async function run({ databaseUrl, port, mails, message }: Round): Promise<number> {
  const pool = new Pool({ connectionString: databaseUrl, max: 20 })
  await pool.query(`CREATE TABLE IF NOT EXISTS accounts (id uuid PRIMARY KEY, email text NOT NULL UNIQUE,
    token_digest bytea NOT NULL, status text NOT NULL DEFAULT 'invited', created_at timestamptz NOT NULL DEFAULT now(), mailed_at timestamptz)`)
  await pool.query('TRUNCATE accounts')
  const boss = new PgBoss({ connectionString: databaseUrl, max: 10 })
  boss.on('error', (error) => process.stderr.write(`${error.message}\n`))
  await boss.start()
  await boss.createQueue(queue)
  await boss.deleteAllJobs(queue)
  const transport = openTransport(port, connections)
  const { from, subject, text, html } = message

  async function invite(email: string): Promise<void> {
    const id = randomUUID()
    const digest = createHash('sha256').update(randomBytes(32)).digest()
    await pool.query('INSERT INTO accounts (id, email, token_digest) VALUES ($1, $2, $3)', [id, email, digest])
    await transport.sendMail({ from, to: email, subject, text, html })
    await pool.query('UPDATE accounts SET mailed_at = now() WHERE id = $1', [id])
  }

  const begun = performance.now()
  for (let first = 0; first < mails; first += 1000) {
    const jobs = Array.from({ length: Math.min(1000, mails - first) }, (_, each) => ({
      data: { email: addressOf(first + each) },
    }))
    await boss.insert(queue, jobs)
  }
  let sent = 0
  const done = Promise.withResolvers<void>()
  for (let each = 0; each < workers; each += 1) {
    const worker: string = await boss.work<{ email: string }>(
      queue,
      { batchSize, pollingIntervalSeconds: 0.5 },
      async (jobs) => {
        await Promise.all(jobs.map((job) => invite(job.data.email)))
        sent += jobs.length
        // The worker looks for the next jobs at once, without the wait of its polling interval.
        boss.notifyWorker(worker)
        if (sent >= mails) done.resolve()
      },
    )
  }
  await done.promise
  const seconds = (performance.now() - begun) / 1000
  await boss.stop()
  transport.close()
  await pool.end()
  return mails / seconds
}

answerRequests((request) => run(request as Round))
