import type { Progress, SessionOptions } from '@rollcall/shared'
import { isFinished } from '@rollcall/shared/statuses'
import { words } from '../words/index.ts'

/** What goes on beyond the numbers: what is left is being cancelled, or a start or the first mail is awaited. */
export interface Situation {
  kind: 'ending' | 'scheduled' | 'delayed'
  words: string
}

/** A session that is younger than this and has no mail says nothing: its first mails are on their way. */
const firstMailMilliseconds = 3_000

/** True when only the options of a session can tell what it waits for. `now` is in milliseconds. */
export function waitsByOptions(progress: Progress, now: number): boolean {
  if (progress.status === 'scheduled') return true
  return awaitsFirstMail(progress) && now - Date.parse(progress.createdAt) > firstMailMilliseconds
}

function awaitsFirstMail({ status, mails }: Progress): boolean {
  const handedOver = mails.sent + mails.failed + mails.unconfirmed
  return (status === 'queued' || status === 'running') && mails.pending > 0 && handedOver === 0
}

/** Returns what a session waits for; null where its status and numbers say all. `now` is in milliseconds. */
export function situationOf(progress: Progress, options: SessionOptions | undefined, now: number): Situation | null {
  const texts = words.tracker.situations
  if (progress.completed && !isFinished(progress)) {
    return { kind: 'ending', words: progress.status === 'cancelled' ? texts.cancelling : texts.finishing }
  }
  if (progress.status === 'scheduled' && options?.startAt) {
    const seconds = (Date.parse(options.startAt) - now) / 1000
    return { kind: 'scheduled', words: seconds > 0 ? texts.startsAt(options.startAt, seconds) : texts.startsNow }
  }
  const left = secondsToFirstMail(progress, options, now)
  return left > 0 ? { kind: 'delayed', words: texts.mailsBeginIn(left) } : null
}

function secondsToFirstMail(progress: Progress, options: SessionOptions | undefined, now: number): number {
  const delay = options?.delaySeconds ?? 0
  if (delay === 0 || !awaitsFirstMail(progress)) return 0
  // The server counts from when the session really began, which may be earlier or later than was planned.
  const begin = Date.parse(progress.startedAt ?? options?.startAt ?? progress.createdAt)
  // A clock that is behind the server's must not promise more than the delay.
  return Math.min(delay, Math.ceil((begin + delay * 1000 - now) / 1000))
}
