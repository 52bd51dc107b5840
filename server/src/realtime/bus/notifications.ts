/** So many ids fit into one message: PostgreSQL takes up to 8,000 bytes in a notification. */
const idsInMessage = 100

/** What one message between nodes says: these sessions have a newer version; `urgent`: a status changed. */
export interface Notification {
  sessionIds: string[]
  urgent: boolean
}

/** The notifications that wait to be sent. Each session is in here once, and is urgent when any of its notifications was. */
export class PendingNotifications {
  readonly #urgentBySession = new Map<string, boolean>()

  get isEmpty(): boolean {
    return this.#urgentBySession.size === 0
  }

  add({ sessionIds, urgent }: { sessionIds: readonly string[]; urgent: boolean }): void {
    for (const sessionId of sessionIds)
      this.#urgentBySession.set(sessionId, urgent || this.#urgentBySession.get(sessionId) === true)
  }

  /** Removes and returns everything, the urgent notifications first, each small enough for one message. */
  take(): Notification[] {
    const notifications = [true, false].flatMap((urgent) => {
      const sessionIds = [...this.#urgentBySession]
        .filter(([, each]) => each === urgent)
        .map(([sessionId]) => sessionId)
      const count = Math.ceil(sessionIds.length / idsInMessage)
      return Array.from({ length: count }, (_, index) => ({
        sessionIds: sessionIds.slice(index * idsInMessage, (index + 1) * idsInMessage),
        urgent,
      }))
    })
    this.#urgentBySession.clear()
    return notifications
  }
}

/** Encodes a notification as the text of one message. */
export function encodeNotification({ sessionIds, urgent }: Notification): string {
  return [urgent ? '!' : '.', ...sessionIds].join(' ')
}

/** Reads what `encodeNotification` wrote. */
export function decodeNotification(message: string): Notification {
  const [mark, ...sessionIds] = message.split(' ')
  return { sessionIds, urgent: mark === '!' }
}
