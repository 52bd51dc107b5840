import { setTimeout as wait } from 'node:timers/promises'
import type { HoldReason } from '@rollcall/shared'
import { claimProbe, freeServers, holdServer, serverHold } from '../mail/server-holds.queries.ts'
import { holdSession, recoverSession } from './levers.usecases.ts'
import { sessionsHeldFor } from './sessions.queries.ts'
import type { WorkerParts } from './worker-parts.ts'

/** Reasons that are the mail server's and not the session's: every session that wants to send meets them. */
const serverReasons: readonly HoldReason[] = ['mail_server_down', 'mail_sign_in_refused']

const lookEvery = 1000

/** Holds a session and, where the reason is the mail server's, the mail server for every session and node. */
export async function holdFor(
  parts: WorkerParts,
  sessionId: string,
  reason: HoldReason,
  heard: string | null,
): Promise<void> {
  if (serverReasons.includes(reason)) await holdServer(parts.database, { server: parts.mailServer, reason, heard })
  await holdSession(parts, sessionId, reason, heard)
}

/** Holds a session before it tries a mail server that is held; false when it may try. */
export async function heldByServer(parts: WorkerParts, sessionId: string): Promise<boolean> {
  const hold = await serverHold(parts.database, parts.mailServer)
  if (hold === null) return false
  await holdSession(parts, sessionId, hold.reason, hold.heard)
  return true
}

/**
 * While the mail server is held because it cannot be reached, one node at a time tries it with one connection: first
 * after 5 s, then less and less often, to once in 5 min. When it answers, the sessions that were held for that go on.
 */
export function watchHolds(parts: WorkerParts): { close(): void } {
  const closing = new AbortController()
  void watch()

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await wait(lookEvery, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      if (closing.signal.aborted) return
      await look().catch((error: unknown) =>
        parts.logger.warn({ err: error }, 'the held mail server could not be looked at and will be again'),
      )
    }
  }

  async function look(): Promise<void> {
    if (await claimProbe(parts.database, parts.mailServer)) {
      const probe = await parts.sender.probe()
      if (probe.kind !== 'ready') return
      await freeServers(parts.database, parts.mailServer)
    } else if ((await serverHold(parts.database, parts.mailServer)) !== null) return
    // Also those that were held in the moment in which the mail server was freed.
    for (const id of await sessionsHeldFor(parts.database, 'mail_server_down'))
      await recoverSession(parts, id, 'mail_server_down', 'The mail server may be tried again.')
  }

  return { close: () => closing.abort() }
}
