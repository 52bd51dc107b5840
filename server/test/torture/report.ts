import { isDeepStrictEqual } from 'node:util'
import type { Pool } from 'pg'
import { latestProgress } from '../../src/activation/history/progress.usecases.ts'
import type { Database } from '../../src/db/database.ts'
import { recounted } from '../app/activation.ts'
import type { ReceivedMail } from '../smtp/scripted-smtp-server.ts'
import type { TakeoverSummary } from './takeover-times.ts'

/** How often each disturbance happened. */
export interface Disturbances {
  kills: number
  freezes: number
  databaseRestarts: number
  mailServerRestarts: number
  sessionCommands: number
}

export interface TortureReport extends Disturbances {
  seed: number
  sessions: number
  leads: number
  mailsTaken: number
  sent: number
  unconfirmed: number
  /** The most that the kills, freezes and lost answers may leave. */
  unconfirmedAtMost: number
  secondCopies: number
  sentWithoutCopy: number
  accountsTwice: number
  sessionsThatDisagree: number
  /** Milliseconds from a kill to the next mail of a chunk that the killed process had claimed; another worker was alive. */
  takeover: TakeoverSummary
  /** A sentence for each invariant that does not hold. */
  broken: string[]
}

/** Reads an address as it is compared: the first recipient of a mail, in small letters. */
export const addressOf = (to: readonly string[]) => (to[0] ?? '').toLowerCase()

/** Compares items, accounts and counters with the mails that the mail server received, after all sessions have ended. */
export async function reportOf(
  { pool, database }: { pool: Pool; database: Database },
  run: {
    seed: number
    sessions: readonly string[]
    leadsOfEach: number
    received: readonly ReceivedMail[]
    disturbances: Disturbances
    unconfirmedAtMost: number
    takeover: TakeoverSummary
  },
): Promise<TortureReport> {
  const { sessions, received, unconfirmedAtMost } = run
  const copies = new Map<string, number>()
  for (const { to } of received) copies.set(addressOf(to), (copies.get(addressOf(to)) ?? 0) + 1)
  const { rows: sent } = await pool.query<{ email: string }>(
    `SELECT lower(email) AS email FROM items WHERE mail_state = 'sent'`,
  )
  const { rows: unconfirmed } = await pool.query(`SELECT 1 FROM items WHERE mail_state = 'unconfirmed'`)
  const { rows: twice } = await pool.query(`SELECT email_key FROM accounts GROUP BY email_key HAVING count(*) > 1`)
  let disagree = 0
  for (const id of sessions) {
    const { accounts, mails, total } = await latestProgress(database, id)
    const again = await recounted({ database }, id)
    if (!isDeepStrictEqual(again, { accounts, mails, total })) disagree += 1
  }
  const secondCopies = [...copies.values()].reduce((sum, count) => sum + count - 1, 0)
  const sentWithoutCopy = sent.filter(({ email }) => !copies.has(email)).length
  const broken = [
    secondCopies > 0 && `${secondCopies} second copies`,
    sentWithoutCopy > 0 && `${sentWithoutCopy} sent that the mail server does not have`,
    twice.length > 0 && `${twice.length} addresses with two accounts`,
    disagree > 0 && `${disagree} sessions whose counters disagree with their items`,
    unconfirmed.length > unconfirmedAtMost &&
      `${unconfirmed.length} unconfirmed, at most ${unconfirmedAtMost} can be explained`,
  ].filter((each) => each !== false)
  return {
    seed: run.seed,
    sessions: sessions.length,
    leads: sessions.length * run.leadsOfEach,
    ...run.disturbances,
    mailsTaken: received.length,
    sent: sent.length,
    unconfirmed: unconfirmed.length,
    unconfirmedAtMost,
    secondCopies,
    sentWithoutCopy,
    accountsTwice: twice.length,
    sessionsThatDisagree: disagree,
    takeover: run.takeover,
    broken,
  }
}
