import type { Progress } from '@rollcall/shared'
import type { Freshness, Transport } from '../live/environment.ts'
import { words } from './index.ts'
import { formatRate } from './numbers.ts'
import { holdReason } from './reasons.ts'

/** A progress without a message for this long is not called live, as for a moment after a computer wakes up. */
const liveMilliseconds = 30_000
const nowSeconds = 3

/**
 * Says what the numbers come by and how old they are: "Live", "Polling · as of 4 s ago". "Live" stands alone, since an
 * age beside it would contradict it.
 */
export function freshnessWords(freshness: Freshness, transport: Transport, ageMilliseconds: number): string {
  const texts = words.tracker.freshness
  if (freshness === 'unknown' || freshness === 'final') return texts[freshness]
  const seconds = Math.max(0, Math.round(ageMilliseconds / 1000))
  const name = words.tracker.transports[transport]
  if (transport === 'websocket') {
    return freshness === 'live' && ageMilliseconds < liveMilliseconds ? name : texts.asOf(seconds)
  }
  return freshness === 'live' && seconds < nowSeconds ? texts.asOfNow(name) : texts.transportAsOf(name, seconds)
}

/** The sentences that say why a session is held and what to do; null when it is not. */
export function holdSentence({ status, reason }: Progress): string | null {
  if (status !== 'held') return null
  return holdReason(reason) ?? words.tracker.heldForUnknownReason(reason)
}

/**
 * Says how fast mails are sent and how long the rest will take, as far as that is known: "4.2 mails/s · about 9 s left".
 * Empty unless the numbers are live: a rate of some time ago says nothing about now.
 */
export function rateWords({ completed, mailsPerSecond, secondsLeft }: Progress, freshness: Freshness): string {
  if (completed || freshness !== 'live') return ''
  const parts = mailsPerSecond ? [words.tracker.rate(formatRate(mailsPerSecond))] : []
  if (secondsLeft !== null) parts.push(words.tracker.timeLeft(secondsLeft))
  return parts.join(' · ')
}

/** What a screen reader says when a session's status changes. */
export function announcement(progress: Progress): string {
  const change = words.tracker.statusChanged(progress.total, words.states.session[progress.status])
  const hold = holdSentence(progress)
  return hold ? `${change} ${hold}` : change
}

/** What went wrong so far: "13 failed · 4 unconfirmed"; empty where nothing did. */
export function failureWords({ accounts, mails }: Progress): string {
  const { outcome } = words.tracker
  const failed = accounts.failed + mails.failed
  const parts = failed > 0 ? [outcome(failed, words.states.mail.failed)] : []
  if (mails.unconfirmed > 0) parts.push(outcome(mails.unconfirmed, words.states.mail.unconfirmed))
  return parts.join(' · ')
}
