import type { SessionEvent, SessionOptions } from '@rollcall/shared'
import { holdReasons, type HoldReason } from '@rollcall/shared/reasons'
import type { EventType } from '@rollcall/shared/statuses'
import { unusualOptions } from '../sessions/option-words.ts'
import { itemReason } from './reasons.ts'
import { countOf, formatCount } from './numbers.ts'

/** What happened, with an actor or without: "Paused by Ada", "Held by Rollcall". */
const words: Record<EventType, string> = {
  started: 'Started',
  running: 'Running',
  paused: 'Paused',
  held: 'Held by Rollcall',
  resumed: 'Resumed',
  taken_over: 'Taken over by another process',
  retried: 'Retried',
  settled: 'Settled',
  cancelled: 'Cancelled',
  completed: 'Completed',
}

export function eventTitle(event: SessionEvent): string {
  const isScheduling = event.type === 'started' && optionsOf(event).startAt !== undefined
  const title = isScheduling ? 'Scheduled' : (words[event.type] ?? event.type)
  return event.actor ? `${title} by ${event.actor.name}` : title
}

/** Why it happened and what it did, one sentence each; none where the title says it all. */
export function eventSentences(event: SessionEvent): string[] {
  return (sentencesOf[event.type] ?? plainSentences)(event)
}

const sentencesOf: Partial<Record<EventType, (event: SessionEvent) => string[]>> = {
  started: startedSentences,
  held: heldSentences,
  taken_over: takenOverSentences,
  retried: retriedSentences,
  settled: settledSentences,
}

function plainSentences({ cause }: SessionEvent): string[] {
  return cause === null ? [] : [holdReasons[cause as HoldReason] ?? cause]
}

function startedSentences(event: SessionEvent): string[] {
  const total = countIn(event, 'total')
  if (total === null) return ['Its time came.']
  return [`${[countOf(total, 'lead'), ...unusualOptions(optionsOf(event))].join(', ')}.`]
}

/** The reason's own sentence, then the mail server's words, which are all that the cause adds to it. */
function heldSentences(event: SessionEvent): string[] {
  const reason = holdReasons[textIn(event, 'reason') as HoldReason]
  if (reason === undefined) return plainSentences(event)
  const [sent, failed] = [countIn(event, 'sent'), countIn(event, 'failed')]
  return [
    reason,
    ...(sent === null || failed === null
      ? []
      : [`By then ${countOf(sent, 'mail')} sent, ${formatCount(failed)} failed.`]),
    ...(event.cause === null || event.cause === reason ? [] : [`The mail server said: “${event.cause}”`]),
  ]
}

function takenOverSentences(event: SessionEvent): string[] {
  const node = textIn(event, 'node')
  const stopped = node === null ? plainSentences(event) : [`The process “${node}” stopped in the middle of its work.`]
  const inFlight = countIn(event, 'inFlight')
  if (inFlight === null) return stopped
  if (inFlight === 0) return [...stopped, 'No mail was in flight, so nothing is in doubt.']
  const were = `${countOf(inFlight, 'mail')} ${inFlight === 1 ? 'was' : 'were'} in flight`
  const settled =
    textIn(event, 'settledAs') === 'pending'
      ? 'sent again, exactly the same, as this session was told to.'
      : `now unconfirmed, because nobody can know whether ${inFlight === 1 ? 'it' : 'they'} arrived.`
  return [...stopped, `${were}: ${settled}`]
}

function retriedSentences(event: SessionEvent): string[] {
  const items = countIn(event, 'items')
  if (items === null) return plainSentences(event)
  const mails = countOf(items, `${textIn(event, 'mail') ?? ''} mail`.trim())
  const reason = itemReason(textIn(event, 'reason'))
  return [`${mails} made pending again.`, ...(reason === null ? [] : [`Only those with this reason: ${reason}`])]
}

function settledSentences(event: SessionEvent): string[] {
  const items = countIn(event, 'items')
  return items === null ? plainSentences(event) : [`${countOf(items, 'unconfirmed mail')} marked as sent.`]
}

function countIn(event: SessionEvent, name: string): number | null {
  const value = event.details[name]
  return typeof value === 'number' ? value : null
}

function textIn(event: SessionEvent, name: string): string | null {
  const value = event.details[name]
  return typeof value === 'string' ? value : null
}

function optionsOf(event: SessionEvent): SessionOptions {
  const { options } = event.details
  return typeof options === 'object' && options !== null ? options : {}
}

export const eventIcons: Record<EventType, string> = {
  started: 'i-lucide-flag',
  running: 'i-lucide-play',
  paused: 'i-lucide-pause',
  held: 'i-lucide-octagon-pause',
  resumed: 'i-lucide-play',
  taken_over: 'i-lucide-repeat',
  retried: 'i-lucide-rotate-ccw',
  settled: 'i-lucide-mail-check',
  cancelled: 'i-lucide-x',
  completed: 'i-lucide-check',
}
