import { classifyAnswer, type Answer } from './answers.ts'
import { openConnection, type MailConnection } from './connection.ts'
import { createIdle } from './idle-connections.ts'
import type { createPause, createSlots } from './concurrency-limit.ts'
import type { Delivery, SendRequest, SmtpSettings, SmtpTimeouts } from './types.ts'

/** A mail that has a slot and waits for a connection. */
interface Waiting {
  request: SendRequest
  /** With a connection to go over, or with why there is none. */
  settle: (given: MailConnection | Delivery) => void
}

/**
 * The connections of a sender, which are kept open while there is something to send. A mail goes over the one that is free
 * first, be it new or used: a server that is busy may leave new ones without a greeting for as long as the others are open.
 */
export function createConnections(options: {
  settings: SmtpSettings
  timeouts: SmtpTimeouts
  /** As many connections as there may be, and who learns of how many stand. */
  slots: Pick<ReturnType<typeof createSlots>, 'limit' | 'atLeast' | 'fewer'>
  pause: ReturnType<typeof createPause>
  /** Aborted when the sender takes no more mails. */
  stopping: AbortSignal
}) {
  const { settings, timeouts, slots, pause, stopping } = options
  const established = new Set<MailConnection>()
  const idle = createIdle<MailConnection>(timeouts.idle, leave)
  /** The one that waits longest first. */
  const waiting: Waiting[] = []
  /** How many are being opened. */
  let opening = 0

  function takeIdle(): MailConnection | null {
    for (let connection = idle.take(); connection !== null; connection = idle.take()) {
      if (!connection.dead) return connection
      established.delete(connection)
    }
    return null
  }

  function standing(): number {
    return [...established].filter((connection) => !connection.dead).length
  }

  /** So there may be another for the mails that have a slot and no connection. */
  function leave(connection: MailConnection): void {
    established.delete(connection)
    if (!connection.dead) connection.quit()
    openMore()
  }

  async function wait(request: SendRequest): Promise<MailConnection | Delivery> {
    const given = await new Promise<MailConnection | Delivery>((settle) => {
      waiting.push({ request, settle })
      openMore()
    })
    if ('kind' in given || isWanted(request)) return given
    giveBack(given, true)
    return unwanted
  }

  /** As many as are waited for, and as there may be. */
  function openMore(): void {
    while (opening < waiting.length && established.size + opening < slots.limit) void openOne()
  }

  async function openOne(): Promise<void> {
    opening += 1
    const given = await open()
    opening -= 1
    if ('kind' in given) waiting.shift()?.settle(given)
    else giveOn(given)
    openMore()
  }

  async function open(): Promise<MailConnection | Delivery> {
    await pause.over()
    if (stopping.aborted) return stoppedVerdict()
    if (!waiting.some(({ request }) => isWanted(request))) return unwanted
    const attempt = await openConnection(settings, timeouts, stopping)
    if (stopping.aborted) {
      if (attempt.ok) attempt.connection.quit()
      return stoppedVerdict()
    }
    if (!attempt.ok) return whyNotOpened(attempt.answer)
    established.add(attempt.connection)
    slots.atLeast(standing())
    return attempt.connection
  }

  function whyNotOpened(answer: Answer): Delivery {
    const verdict = classifyAnswer(answer)
    pause.longer()
    const wantsFewer = verdict.kind === 'again' && verdict.cause === 'throttled'
    if (wantsFewer) slots.fewer(answer.command === 'GREETING' ? standing() : null)
    return verdict
  }

  /** To the mail that waits longest; without one, the connection is idle. */
  function giveOn(connection: MailConnection): void {
    const next = waiting.shift()
    if (next !== undefined) next.settle(connection)
    else idle.add(connection)
  }

  function areTooMany(): boolean {
    return established.size > slots.limit
  }

  function giveBack(connection: MailConnection, isReady: boolean): void {
    if (!isReady || connection.dead || stopping.aborted || areTooMany()) leave(connection)
    else giveOn(connection)
  }

  return {
    /** True while mails with a slot wait for one. */
    get areWanted() {
      return waiting.length > 0
    },
    /** True while more stand than there may be: the next that is free is left. */
    get areTooMany() {
      return areTooMany()
    },
    /** One to go over, or why there is none. */
    async take(request: SendRequest): Promise<MailConnection | Delivery> {
      return isWanted(request) ? (takeIdle() ?? wait(request)) : unwanted
    },
    /** After a mail; `isReady`: for the next. */
    giveBack,
    /** Leaves it without a word. */
    cut(connection: MailConnection): void {
      connection.destroy()
      leave(connection)
    },
    /** Leaves those that nobody uses, and tells all who wait. */
    stop(): void {
      for (const { settle } of waiting.splice(0)) settle(stoppedVerdict())
      idle.clear()
    },
    destroy(): void {
      for (const connection of established) connection.destroy()
    },
  }
}

/** Whether a mail is still to be sent. */
export function isWanted(request: SendRequest): boolean {
  return request.isWanted?.() !== false
}

const unwanted: Delivery = { kind: 'gate_closed', cause: null }

/** Of a mail that was not handed over because the sender takes no more. */
export function stoppedVerdict(): Delivery {
  return { kind: 'again', cause: 'stopped', reply: null, problem: 'Rollcall was stopping.' }
}
