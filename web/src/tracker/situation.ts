import type { Progress, SessionOptions } from '@rollcall/shared'
import { formatClock, formatSeconds, formatTime } from '../words/numbers.ts'
import { isOver } from './percent.ts'

/** What goes on beyond the numbers: left work is being ended, a start is awaited, or the first mail is. */
export interface Situation {
  kind: 'ending' | 'scheduled' | 'delayed'
  words: string
}

/** Sooner than this, a session without a mail says nothing: its first mails are on their way. */
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

/** The sentence for what a session waits for; null where its status and numbers say all. `now` is in milliseconds. */
export function situationOf(progress: Progress, options: SessionOptions | undefined, now: number): Situation | null {
  if (progress.completed && !isOver(progress)) {
    const words = progress.status === 'cancelled' ? 'Cancelling what is left…' : 'Finishing what is left…'
    return { kind: 'ending', words }
  }
  if (progress.status === 'scheduled' && options?.startAt) {
    const seconds = (Date.parse(options.startAt) - now) / 1000
    const words =
      seconds > 0 ? `Starts ${formatTime(options.startAt)}, in ${formatSeconds(seconds)}.` : 'Starts any moment.'
    return { kind: 'scheduled', words }
  }
  const left = secondsToFirstMail(progress, options, now)
  return left > 0 ? { kind: 'delayed', words: `Mails begin in ${formatClock(left)}.` } : null
}

function secondsToFirstMail(progress: Progress, options: SessionOptions | undefined, now: number): number {
  const delay = options?.delaySeconds ?? 0
  if (delay === 0 || !awaitsFirstMail(progress)) return 0
  // As the server counts it: from when the session really began, which may be earlier or later than was planned.
  const begin = Date.parse(progress.startedAt ?? options?.startAt ?? progress.createdAt)
  // A clock that is behind the server's must not promise more than the delay.
  return Math.min(delay, Math.ceil((begin + delay * 1000 - now) / 1000))
}
