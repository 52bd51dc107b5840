import { lockChunk } from '../chunks/chunks.queries.ts'
import { cancelPending } from '../chunks/items.queries.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { advance } from '../session/advance.queries.ts'
import { readSession } from '../session/sessions.queries.ts'

/** Cancels the pending items of one chunk of a cancelled session; does nothing for a session in another status. */
export async function cancelChunk(deps: ActivationDeps, sessionId: string, chunk: number): Promise<void> {
  await deps.database.transaction(async (transaction) => {
    const locked = await lockChunk(transaction, sessionId, chunk)
    const session = await readSession(transaction, sessionId)
    if (locked === null || session?.status !== 'cancelled') return
    await advance(transaction, { sessionId, now: deps.now(), deltas: await cancelPending(transaction, locked) })
  })
  deps.publish([sessionId], false)
}
