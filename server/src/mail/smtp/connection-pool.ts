import { classifyAnswer, type SmtpAnswer } from './answers.ts'
import type { Backoff } from './backoff.ts'
import { openConnection, type MailConnection } from './connection.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import { createIdleConnections } from './idle-connections.ts'
import type { Delivery, SendRequest, SmtpSettings, SmtpTimeouts } from './types.ts'

/** A connection to send over, or what becomes of the mail because there is none. */
export type PoolResult = { connection: MailConnection } | { connection: null; delivery: Delivery }

/** The connections of a sender, which stay open while there is something to send. */
export interface ConnectionPool {
  /** True while mails that have a slot wait for a connection. */
  readonly isAwaited: boolean
  /** True while more connections are open than there may be: the next one that is free will be closed. */
  readonly isOverLimit: boolean
  /**
   * Gives a mail the connection that is free first, be it new or used: a server that is busy may leave new connections without a
   * greeting for as long as the others are open.
   */
  take(request: SendRequest): Promise<PoolResult>
  /** Returns a connection after a mail. It is closed when it is not ready for another one, or not needed. */
  giveBack(connection: MailConnection): void
  /** Closes a connection without another word. */
  discard(connection: MailConnection): void
  /** Closes the idle connections, and tells all mails that wait for one that the sender is closing. */
  drain(): void
  /** Closes every connection without another word. */
  closeAll(): void
}

interface PoolOptions {
  settings: SmtpSettings
  timeouts: SmtpTimeouts
  limit: ConnectionLimit
  backoff: Backoff
  /** Called when a new connection is open, so that more mails may be under way. */
  onOpened: () => void
  /** Aborted when the sender takes no more mails. */
  closing: AbortSignal
}

/** Creates an empty pool. */
export function createConnectionPool(options: PoolOptions): ConnectionPool {
  const { timeouts, limit, backoff, closing } = options
  const open = new Set<MailConnection>()
  const idle = createIdleConnections<MailConnection>(timeouts.idle, leave)
  /** The mail that waits longest comes first. */
  const waiting: { request: SendRequest; resolve: (result: PoolResult) => void }[] = []
  let connecting = 0

  function takeIdle(): MailConnection | null {
    for (let connection = idle.take(); connection !== null; connection = idle.take()) {
      if (!connection.isClosed) return connection
      open.delete(connection)
    }
    return null
  }

  function established(): number {
    return [...open].filter((connection) => !connection.isClosed).length
  }

  /** Closes a connection politely; another may be opened in its stead for the mails that wait. */
  function leave(connection: MailConnection): void {
    open.delete(connection)
    if (!connection.isClosed) connection.quit()
    openWhatIsAwaited()
  }

  async function waitForConnection(request: SendRequest): Promise<PoolResult> {
    const result = await new Promise<PoolResult>((resolve) => {
      waiting.push({ request, resolve })
      openWhatIsAwaited()
    })
    if (result.connection === null || isWanted(request)) return result
    giveBack(result.connection)
    return unwanted
  }

  /** Opens as many connections as mails wait for, and as there may be. */
  function openWhatIsAwaited(): void {
    while (connecting < waiting.length && open.size + connecting < limit.current) void openOne()
  }

  async function openOne(): Promise<void> {
    connecting += 1
    const result = await connect()
    connecting -= 1
    if (result.connection === null) waiting.shift()?.resolve(result)
    else passOn(result.connection)
    openWhatIsAwaited()
  }

  async function connect(): Promise<PoolResult> {
    await backoff.wait()
    if (closing.aborted) return failure(closingDelivery())
    if (!waiting.some(({ request }) => isWanted(request))) return unwanted
    const result = await openConnection(options.settings, timeouts, closing)
    if (closing.aborted) {
      if (result.ok) result.connection.quit()
      return failure(closingDelivery())
    }
    if (!result.ok) return failure(deliveryWithoutConnection(result.answer))
    open.add(result.connection)
    limit.raiseTo(established())
    options.onOpened()
    return { connection: result.connection }
  }

  function deliveryWithoutConnection(answer: SmtpAnswer): Delivery {
    const verdict = classifyAnswer(answer)
    backoff.failed()
    const wantsFewer = verdict.kind === 'again' && verdict.cause === 'throttled'
    if (wantsFewer) limit.lower(answer.command === 'GREETING' ? established() : null)
    return verdict
  }

  /** Passes a connection on to the mail that waits longest; without one, the connection is idle. */
  function passOn(connection: MailConnection): void {
    const next = waiting.shift()
    if (next === undefined) idle.add(connection)
    else next.resolve({ connection })
  }

  function isOverLimit(): boolean {
    return open.size > limit.current
  }

  function giveBack(connection: MailConnection): void {
    const isUsable = connection.mode === 'ready' && !connection.isClosed
    if (!isUsable || closing.aborted || isOverLimit()) leave(connection)
    else passOn(connection)
  }

  return {
    get isAwaited() {
      return waiting.length > 0
    },
    get isOverLimit() {
      return isOverLimit()
    },
    async take(request) {
      if (!isWanted(request)) return unwanted
      const connection = takeIdle()
      return connection === null ? waitForConnection(request) : { connection }
    },
    giveBack,
    discard(connection) {
      connection.close()
      leave(connection)
    },
    drain() {
      for (const { resolve } of waiting.splice(0)) resolve(failure(closingDelivery()))
      idle.clear()
    },
    closeAll() {
      for (const connection of open) connection.close()
    },
  }
}

/** Tells whether a mail is still to be sent. */
export function isWanted(request: SendRequest): boolean {
  return request.isWanted?.() !== false
}

function failure(delivery: Delivery): PoolResult {
  return { connection: null, delivery }
}

const unwanted = failure({ kind: 'gate_closed', cause: null })

/** The delivery of a mail that was not handed over because the sender takes no more. */
export function closingDelivery(): Delivery {
  return { kind: 'again', cause: 'stopped', reply: null, problem: 'Rollcall was stopping.' }
}
