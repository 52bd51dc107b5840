import type { SessionEvent, SessionOptions } from '@rollcall/shared'
import { holdReasons, type HoldReason } from '@rollcall/shared/reasons'
import type { EventType } from '@rollcall/shared/statuses'
import { stateWord } from '../ui/states.ts'
import { words } from '../words/index.ts'
import { holdReason, itemReason } from '../words/reasons.ts'
import { unusualOptions } from './option-words.ts'

/** What happened, and who did it where a person did: "Paused by Ada", "Held by Rollcall". */
export function eventTitle(event: SessionEvent): string {
  const isScheduling = event.type === 'started' && optionsOf(event).startAt !== undefined
  const title = isScheduling ? words.events.scheduled : stateWord('event', event.type)
  return event.actor ? words.events.by(title, event.actor.name) : title
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
  return cause === null ? [] : [holdReason(cause) ?? cause]
}

function startedSentences(event: SessionEvent): string[] {
  const total = countIn(event, 'total')
  if (total === null) return [words.events.timeCame]
  return [words.events.started(total, unusualOptions(optionsOf(event)))]
}

/** Why the session is held, how far it had come, and the mail server's words where they are the cause. */
function heldSentences(event: SessionEvent): string[] {
  const reason = holdReason(textIn(event, 'reason'))
  if (reason === null) return plainSentences(event)
  const [sent, failed] = [countIn(event, 'sent'), countIn(event, 'failed')]
  const serverWords = serverWordsOf(event)
  return [
    reason,
    ...(sent === null || failed === null ? [] : [words.events.heldAfter(sent, failed)]),
    ...(serverWords === null ? [] : [words.events.serverSaid(serverWords)]),
  ]
}

/** What the mail server said when it made a session stop; null where the stored cause is the contract's text for the reason. */
function serverWordsOf(event: SessionEvent): string | null {
  return event.cause === holdReasons[textIn(event, 'reason') as HoldReason] ? null : event.cause
}

function takenOverSentences(event: SessionEvent): string[] {
  const node = textIn(event, 'node')
  const stopped = node === null ? plainSentences(event) : [words.events.processStopped(node)]
  const inFlight = countIn(event, 'inFlight')
  if (inFlight === null) return stopped
  if (inFlight === 0) return [...stopped, words.events.nothingInFlight]
  const isSentAgain = textIn(event, 'settledAs') === 'pending'
  const outcome = isSentAgain ? words.events.inFlightSentAgain : words.events.inFlightUnconfirmed
  return [...stopped, outcome(inFlight)]
}

function retriedSentences(event: SessionEvent): string[] {
  const items = countIn(event, 'items')
  if (items === null) return plainSentences(event)
  const mail = textIn(event, 'mail')
  const { all, failed, unconfirmed } = words.events.retried
  const mails = mail === 'failed' ? failed : mail === 'unconfirmed' ? unconfirmed : all
  const reason = itemReason(textIn(event, 'reason'))
  return [mails(items), ...(reason === null ? [] : [words.events.onlyReason(reason)])]
}

function settledSentences(event: SessionEvent): string[] {
  const items = countIn(event, 'items')
  return items === null ? plainSentences(event) : [words.events.markedAsSent(items)]
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
