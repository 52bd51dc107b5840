import { setTimeout as wait } from 'node:timers/promises'
import type { HoldReason } from '@rollcall/shared'
import { claimProbe, freeServers, holdServer, isServerHeld, lockServerHold } from '../breaker/breaker.queries.ts'
import { wasHeldAfter } from '../session/events.queries.ts'
import { holdSession, recoverSession, storeHold } from '../commands/commands.usecases.ts'
import { sessionsHeldFor } from '../session/sessions.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'

/** Reasons that are the mail server's and not the session's: every session that wants to send meets them. */
const serverReasons: readonly HoldReason[] = ['mail_server_down', 'mail_sign_in_refused']

/** True where every session that wants to send meets the same. */
export function isOfServer(reason: HoldReason): boolean {
  return serverReasons.includes(reason)
}

const lookEvery = 1000

/** Holds a session and, where the reason is the mail server's, the mail server for every session and node. */
export async function holdFor(
  context: WorkerContext,
  sessionId: string,
  reason: HoldReason,
  heard: string | null,
): Promise<void> {
  if (!isOfServer(reason)) return holdSession(context, sessionId, reason, heard)
  await holdServer(context.database, { server: context.mailServer, reason, heard })
  await heldByServer(context, sessionId)
}

/** Holds a session before it tries a mail server that is held; false when it may try. */
export async function heldByServer(context: WorkerContext, sessionId: string): Promise<boolean> {
  if (!(await isServerHeld(context.database, context.mailServer))) return false
  const held = await context.database.transaction(async (transaction) => {
    // Locked, or a person could let the server be tried again in between, and the session would be held for nothing.
    const hold = await lockServerHold(transaction, context.mailServer)
    if (hold === null) return { isServer: false, isSession: false }
    const { reason, heard } = hold
    return {
      isServer: true,
      isSession: await storeHold(transaction, { sessionId, now: context.now(), reason, cause: heard }),
    }
  })
  if (held.isSession) context.publish([sessionId], true)
  return held.isServer
}

/** True when a session was held after an event of it, or is from now on because the mail server is held. */
export async function isHeldSince(context: WorkerContext, sessionId: string, eventId: number): Promise<boolean> {
  return (await heldByServer(context, sessionId)) || wasHeldAfter(context.database, sessionId, eventId)
}

/**
 * While the mail server is held because it cannot be reached, one node at a time tries it with one connection: first
 * after 5 s, then less and less often, to once in 5 min. When it answers, the sessions that were held for that go on.
 */
export function watchHolds(context: WorkerContext): { close(): void } {
  const closing = new AbortController()
  void watch()

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await wait(lookEvery, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      if (closing.signal.aborted) return
      await look().catch((error: unknown) =>
        context.logger.warn({ err: error }, 'the held mail server could not be looked at and will be again'),
      )
    }
  }

  async function look(): Promise<void> {
    if (await claimProbe(context.database, context.mailServer)) {
      const probe = await context.sender.probe()
      if (probe.kind !== 'ready') return
      await freeServers(context.database, context.mailServer)
    } else if (await isServerHeld(context.database, context.mailServer)) return
    // Also those that were held in the moment in which the mail server was freed.
    for (const id of await sessionsHeldFor(context.database, 'mail_server_down'))
      await recoverSession(context, id, 'mail_server_down', 'The mail server may be tried again.')
  }

  return { close: () => closing.abort() }
}
