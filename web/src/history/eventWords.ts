import type { SessionEvent } from '@rollcall/shared'
import { holdReasons, type HoldReason } from '@rollcall/shared/reasons'
import type { EventType } from '@rollcall/shared/statuses'

/** What happened, with an actor or without: "Paused by Ada", "Held". */
const words: Record<EventType, string> = {
  started: 'Started',
  running: 'Running',
  paused: 'Paused',
  held: 'Held by Rollcall',
  resumed: 'Resumed',
  taken_over: 'Taken over by another process',
  retried: 'Retried',
  cancelled: 'Cancelled',
  completed: 'Completed',
}

export function eventTitle(event: SessionEvent): string {
  const title = words[event.type] ?? event.type
  return event.actor ? `${title} by ${event.actor.name}` : title
}

/** Why, as a sentence; null where the title says it all. */
export function eventCause(event: SessionEvent): string | null {
  if (event.cause === null) return null
  return holdReasons[event.cause as HoldReason] ?? event.cause
}

/** The details that are worth a line: "mail: failed · items: 3". */
export function eventDetails(event: SessionEvent): string {
  return Object.entries(event.details)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .map(([name, value]) => `${name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()}: ${String(value)}`)
    .join(' · ')
}

export const eventIcons: Record<EventType, string> = {
  started: 'i-lucide-flag',
  running: 'i-lucide-play',
  paused: 'i-lucide-pause',
  held: 'i-lucide-octagon-pause',
  resumed: 'i-lucide-play',
  taken_over: 'i-lucide-repeat',
  retried: 'i-lucide-rotate-ccw',
  cancelled: 'i-lucide-x',
  completed: 'i-lucide-check',
}
