import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { seedLeads, startRollcall, untilProgress } from '../support/rollcall.ts'
import { describeMachine, median, runRounds } from '../support/rounds.ts'
import { startSink } from '../support/sink.ts'

/**
 * Measures how fast Rollcall creates accounts with the digests of their tokens, against the bare statements: psql inserts the
 * same accounts, with a digest each, into a table like that of Rollcall, in chunks of the same size. Rollcall also stores every
 * item's outcomes, the status of every lead, counters, jobs and progress. The session's mails are delayed by an hour. Rollcall's
 * time begins when its items are stored, because psql also begins with a list of leads that is stored.
 */
const { values: given } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, leads: { type: 'string', default: '100000' } },
})
const leads = Number(given.leads)
const chunk = 500
const print = (line: string) => void process.stdout.write(`${line}\n`)

const sink = await startSink()
const rollcall = await startRollcall({ smtpUrl: `smtp://127.0.0.1:${sink.port}?ignoreTLS=true` })
const [postgres] = await rollcall.query<{ version: string }>(`SELECT current_setting('server_version') AS version`)
print(describeMachine())
print(`PostgreSQL ${postgres?.version}, ${leads} leads a round`)
let round = 0
const cpu: number[] = []
await runRounds(
  [
    { name: 'Rollcall', run: createAccounts },
    { name: 'INSERT … SELECT by psql', run: () => insertBare({ foreignKey: true }) },
    { name: 'the same without the foreign key', run: () => insertBare({ foreignKey: false }) },
  ],
  { rounds: Number(given.rounds), unit: 'accounts/s', print },
)
print(`Rollcall's processor time with PostgreSQL's: ${Math.round(median(cpu))} µs an account`)
await rollcall.stop()
await sink.stop()

/** Measures from the answer to the request that starts the session until every account is created; resolves to accounts a second. */
async function createAccounts(): Promise<number> {
  round += 1
  const source = `round${round}`
  await seedLeads(rollcall, source, leads)
  const before = rollcall.cpu()
  const asked = performance.now()
  const { sessionId } = await rollcall.start(source, { delaySeconds: 3600 })
  const started = performance.now()
  const done = await untilProgress(rollcall, sessionId, ({ accounts }) => accounts.pending === 0)
  const ended = performance.now()
  const after = rollcall.cpu()
  if (done.accounts.created !== leads) throw new Error(`Not every account was made: ${JSON.stringify(done)}`)
  const [server, database] = [after.server - before.server, after.database - before.database].map((each) =>
    Math.round((each / leads) * 1e6),
  )
  cpu.push((server ?? 0) + (database ?? 0))
  print(
    `         the start took ${Math.round(started - asked)} ms; ${server} + ${database} µs of server + PostgreSQL an account`,
  )
  return leads / ((ended - started) / 1000)
}

async function insertBare({ foreignKey }: { foreignKey: boolean }): Promise<number> {
  const source = `peer${round}_${Math.round(performance.now())}`
  await seedLeads(rollcall, source, leads)
  await rollcall.query('DROP TABLE IF EXISTS bare_accounts, bare_leads')
  await rollcall.query('CREATE TABLE bare_accounts (LIKE accounts INCLUDING ALL)')
  if (foreignKey) await rollcall.query('ALTER TABLE bare_accounts ADD FOREIGN KEY (lead_id) REFERENCES leads (id)')
  // This table has the leads by position, as items do for Rollcall, so that a chunk is found by its key.
  await rollcall.query('CREATE TABLE bare_leads (position int PRIMARY KEY, lead_id uuid NOT NULL)')
  await rollcall.query(
    'INSERT INTO bare_leads SELECT row_number() OVER (ORDER BY created_at, id), id FROM leads WHERE source = $1',
    [source],
  )
  await rollcall.query('VACUUM ANALYZE bare_leads')
  const statements = Array.from(
    { length: Math.ceil(leads / chunk) },
    (
      _,
      number,
    ) => `INSERT INTO bare_accounts (id, lead_id, lead_created_at, email, email_key, token_digest, token_expires_at)
      SELECT gen_random_uuid(), id, created_at, email, email_key, sha256(uuid_send(gen_random_uuid())), now() + interval '7 days'
      FROM bare_leads JOIN leads ON leads.id = bare_leads.lead_id
      WHERE position BETWEEN ${number * chunk + 1} AND ${(number + 1) * chunk};`,
  )
  const begun = performance.now()
  const { status, stderr } = spawnSync('psql', [rollcall.databaseUrl, '-q', '-v', 'ON_ERROR_STOP=1'], {
    input: statements.join('\n'),
    encoding: 'utf8',
  })
  const seconds = (performance.now() - begun) / 1000
  if (status !== 0) throw new Error(`psql ended with ${status}: ${stderr}`)
  return leads / seconds
}
