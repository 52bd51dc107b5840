import type { SessionEvent } from '@rollcall/shared'
import type { EventRow } from './events.queries.ts'
import { isoTime } from './progress.presenter.ts'

/** Presents an event as the API and rooms give it. */
export function presentEvent(row: EventRow): SessionEvent {
  return {
    at: isoTime(row.at),
    type: row.type,
    actor: row.actor_id === null ? null : { id: row.actor_id, name: row.actor_name ?? '' },
    cause: row.cause,
    details: row.details,
  }
}
