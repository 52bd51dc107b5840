import type { Progress } from '@rollcall/shared'
import { holdReasons, type HoldReason } from '@rollcall/shared/reasons'
import type { SessionStatus } from '@rollcall/shared/statuses'
import type { Freshness, Transport } from '../live/environment.ts'
import { countOf, formatCount, formatRate, formatSeconds } from './numbers.ts'

export const statusWords: Record<SessionStatus, string> = {
  scheduled: 'Scheduled',
  queued: 'Queued',
  running: 'Running',
  paused: 'Paused',
  held: 'Held',
  cancelled: 'Cancelled',
  completed: 'Completed',
}

export const statusColours = {
  scheduled: 'neutral',
  queued: 'neutral',
  running: 'primary',
  paused: 'warning',
  held: 'error',
  cancelled: 'neutral',
  completed: 'success',
} as const satisfies Record<SessionStatus, string>

const transportWords: Record<Transport, string> = {
  websocket: 'Live',
  events: 'Server-sent events',
  polling: 'Polling',
  connecting: 'Reconnecting…',
  stopped: 'Not connected',
}

/** The sentences that say why a session is held and what to do; null when it is not. */
export function holdSentence(progress: Progress): string | null {
  if (progress.status !== 'held') return null
  const unknown = `Rollcall stopped this session${progress.reason === null ? '' : ` (${progress.reason})`}. Press Resume to go on, or Cancel.`
  return holdReasons[progress.reason as HoldReason] ?? unknown
}

/**
 * How fast, and how long still, as far as that is known: "4.2 mails/s · about 9 s left". Nothing unless the numbers are
 * live: a pace of some time ago says nothing about now.
 */
export function paceOf(progress: Progress, knowledge: Freshness): string {
  if (progress.completed || knowledge !== 'live') return ''
  const pace = progress.mailsPerSecond ? [`${formatRate(progress.mailsPerSecond)} mails/s`] : []
  if (progress.secondsLeft !== null) pace.push(`about ${formatSeconds(progress.secondsLeft)} left`)
  return pace.join(' · ')
}

/** On what the numbers come, and how old they are: "Live · as of now". */
export function freshness(knowledge: Freshness, transport: Transport, ageMilliseconds: number): string {
  if (knowledge === 'unknown') return 'Asking for the numbers…'
  if (knowledge === 'final') return 'Final numbers'
  const seconds = Math.max(0, Math.round(ageMilliseconds / 1000))
  const age = knowledge === 'live' && seconds < 3 ? 'as of now' : `as of ${formatSeconds(seconds)} ago`
  return `${transportWords[transport]} · ${age}`
}

/** What a screen reader is told when a session's status changes. */
export function announcement(progress: Progress): string {
  const hold = holdSentence(progress)
  const name = `The activation of ${countOf(progress.total, 'lead')}`
  return `${name} is ${statusWords[progress.status].toLowerCase()}.${hold ? ` ${hold}` : ''}`
}

/** What went wrong so far, where anything did: "13 failed · 4 unconfirmed". */
export function troubleOf(progress: Progress): string {
  const failed = progress.accounts.failed + progress.mails.failed
  const { unconfirmed } = progress.mails
  const parts = failed > 0 ? [`${formatCount(failed)} failed`] : []
  if (unconfirmed > 0) parts.push(`${formatCount(unconfirmed)} unconfirmed`)
  return parts.join(' · ')
}
