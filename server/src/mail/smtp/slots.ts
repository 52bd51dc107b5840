import type { ConnectionLimit } from './connection-limit.ts'
import type { SendRequest } from './types.ts'

/** A mail that waits for a slot; `grant` gives it what it goes on with. */
export interface QueuedMail<Pipelined> {
  request: SendRequest
  grant: (grant: SlotGrant<Pipelined>) => void
}

/**
 * What a mail gets that asked for a slot: a slot of its own; or the slot and connection of the mail before it, with which its
 * envelope was pipelined; or nothing, because the sender is closing.
 */
export type SlotGrant<Pipelined> = { kind: 'slot' } | { kind: 'pipelined'; pipelined: Pipelined } | { kind: 'closing' }

/** Lets as many mails be under way at once as there may be connections. Mails get their slots in the order in which they asked. */
export interface Slots<Pipelined> {
  acquire(request: SendRequest): Promise<SlotGrant<Pipelined>>
  /** Frees a slot. The mail that waits longest gets it. */
  release(): void
  /** Gives out the slots that the limit allows by now. */
  grantFree(): void
  /** The mail that waits longest, or null. */
  longestWaiting(): QueuedMail<Pipelined> | null
  /** Takes a mail out of the queue: from now on the caller grants it the slot of another mail. */
  dequeue(mail: QueuedMail<Pipelined>): void
  /** Grants `closing` to every mail that waits. */
  close(): void
  /** Resolves when no slot is used. */
  allReleased(): Promise<void>
}

/** Creates the slots of a sender. */
export function createSlots<Pipelined>(limit: ConnectionLimit): Slots<Pipelined> {
  const queue: QueuedMail<Pipelined>[] = []
  const onAllReleased: (() => void)[] = []
  let used = 0

  function grantFree(): void {
    while (used < limit.current && queue.length > 0) {
      used += 1
      queue.shift()?.grant({ kind: 'slot' })
    }
  }

  return {
    acquire(request) {
      limit.raiseWhenDue()
      return new Promise((grant) => {
        queue.push({ request, grant })
        grantFree()
      })
    },
    release() {
      used -= 1
      grantFree()
      if (used === 0) for (const resolve of onAllReleased.splice(0)) resolve()
    },
    grantFree,
    longestWaiting: () => queue[0] ?? null,
    dequeue(mail) {
      queue.splice(queue.indexOf(mail), 1)
    },
    close() {
      for (const { grant } of queue.splice(0)) grant({ kind: 'closing' })
    },
    allReleased() {
      return new Promise((resolve) => {
        if (used === 0) resolve()
        else onAllReleased.push(resolve)
      })
    },
  }
}
