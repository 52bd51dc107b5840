import type { Logger } from 'pino'
import { isSendable, parseSender } from './address.ts'
import { classifyAnswer, type Answer } from './answers.ts'
import { openConnection, type MailConnection } from './smtp-connection.ts'
import { createPause, createSlots } from './smtp-limits.ts'
import type { Delivery, Probe, SendRequest, SmtpSender, SmtpSettings, SmtpTimeouts } from './types.ts'

/** RFC 5321 section 4.5.3.2 for what a mail needs; shorter ones make duplicates (RFC 1047). */
const defaultSmtpTimeouts: SmtpTimeouts = {
  connect: 30_000,
  greeting: 30_000,
  command: 5 * 60_000,
  delivery: 10 * 60_000,
  idle: 30_000,
}

interface SmtpSenderOptions {
  url: SmtpSettings
  logger: Logger
  timeouts?: Partial<SmtpTimeouts>
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
}

/** A mail that has a slot and waits for a connection. */
interface Waiting {
  isWanted: () => boolean
  /** With a connection to go over, or with why there is none. */
  settle: (given: MailConnection | Delivery) => void
}

/**
 * A sender with connections of its own, which it keeps open while there is something to send. A mail goes over the one that
 * is free first, be it new or used: a server that is busy may leave new ones without a greeting for as long as the others
 * are open.
 */
export function createSmtpSender(options: SmtpSenderOptions): SmtpSender {
  const { url: settings, logger } = options
  const timeouts = { ...defaultSmtpTimeouts, ...options.timeouts }
  const slots = createSlots(settings.connections, options.now ?? (() => performance.now()), logger)
  const pause = createPause(() => performance.now())
  const established = new Set<MailConnection>()
  /** The one that waits longest first. */
  const idle: { connection: MailConnection; since: number }[] = []
  let idleTimer: NodeJS.Timeout | null = null
  /** The one that waits longest first. */
  const waiting: Waiting[] = []
  /** How many connections are being opened. */
  let opening = 0
  const stopping = new AbortController()
  let stopped = false
  /** Of the last mail: most have the same. */
  let checkedSender = ''

  function takeIdle(): MailConnection | null {
    for (let waiting = idle.pop(); waiting !== undefined; waiting = idle.pop()) {
      if (!waiting.connection.dead) return waiting.connection
      established.delete(waiting.connection)
    }
    return null
  }

  function standing(): number {
    return [...established].filter((connection) => !connection.dead).length
  }

  function leave(connection: MailConnection): void {
    established.delete(connection)
    if (!connection.dead) connection.quit()
  }

  async function connectionFor(isWanted: () => boolean): Promise<MailConnection | Delivery> {
    const given = await new Promise<MailConnection | Delivery>((settle) => {
      waiting.push({ isWanted, settle })
      openMore()
    })
    if ('kind' in given || isWanted()) return given
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
    if (stopped) return stoppedVerdict()
    if (!waiting.some(({ isWanted }) => isWanted())) return unwanted
    const attempt = await openConnection(settings, timeouts, stopping.signal)
    if (stopped) {
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
    if (next !== undefined) return next.settle(connection)
    idle.push({ connection, since: performance.now() })
    watchIdle()
  }

  function giveBack(connection: MailConnection, isReady: boolean): void {
    if (!isReady || connection.dead || stopped || established.size > slots.limit) leave(connection)
    else giveOn(connection)
    openMore()
  }

  /** With the slot. */
  function release(connection: MailConnection, isReady: boolean): void {
    giveBack(connection, isReady)
    slots.release()
  }

  /** One timer for all: most connections wait for an instant only. */
  function watchIdle(): void {
    if (idleTimer !== null || idle[0] === undefined) return
    idleTimer = setTimeout(leaveIdle, Math.max(1, idle[0].since + timeouts.idle - performance.now())).unref()
  }

  function leaveIdle(): void {
    idleTimer = null
    const until = performance.now() - timeouts.idle
    const firstToStay = idle.findIndex(({ since }) => since > until)
    for (const { connection } of idle.splice(0, firstToStay < 0 ? idle.length : firstToStay)) leave(connection)
    watchIdle()
  }

  async function deliverOver(connection: MailConnection, request: SendRequest): Promise<Delivery> {
    let delivery: Delivery | null = null
    try {
      delivery = await connection.deliver(request)
      if (delivery.kind !== 'again' && delivery.kind !== 'hold') connection.proven = true
      if (connection.proven) pause.end()
      return delivery
    } finally {
      if (delivery?.kind === 'again') {
        if (delivery.cause === 'throttled') slots.fewer(null)
        else if (!connection.proven) pause.longer()
      }
      // Once it is ready for the next mail, or gone.
      if (delivery?.kind === 'sent' || connection.dead || stopped) release(connection, true)
      else void connection.reset().then((isReady) => release(connection, isReady))
    }
  }

  async function send(request: SendRequest): Promise<Delivery> {
    if (request.from !== checkedSender) checkedSender = checkSender(request.from)
    if (!isSendable(request.to)) {
      const problem = 'This is not exactly one address that mail can be sent to.'
      return { kind: 'failed', reason: 'address_refused', countsTowardHold: false, reply: null, problem }
    }
    if (stopped || !(await slots.take())) return stoppedVerdict()
    const isWanted = request.isWanted ?? (() => true)
    let given: MailConnection | Delivery
    try {
      given = isWanted() ? (takeIdle() ?? (await connectionFor(isWanted))) : unwanted
    } catch (error) {
      slots.release()
      throw error
    }
    if ('kind' in given) {
      slots.release()
      return given
    }
    const delivery = await deliverOver(given, request)
    return stopped && delivery.kind === 'again' ? { ...delivery, cause: 'stopped' } : delivery
  }

  async function probe(): Promise<Probe> {
    const opening = await openConnection(settings, timeouts, stopping.signal)
    if (!opening.ok) return classifyAnswer(opening.answer)
    opening.connection.quit()
    return { kind: 'ready' }
  }

  async function close(milliseconds = 20_000): Promise<void> {
    stopped = true
    slots.stop()
    pause.end()
    stopping.abort()
    for (const { settle } of waiting.splice(0)) settle(stoppedVerdict())
    for (const { connection } of idle.splice(0)) leave(connection)
    await within(milliseconds, slots.unused())
    for (const connection of established) connection.destroy()
    await within(1000, slots.unused())
  }

  return {
    send,
    get connections() {
      return slots.limit
    },
    probe,
    close,
  }
}

const unwanted: Delivery = { kind: 'gate_closed', cause: null }

function checkSender(address: string): string {
  const sender = parseSender(address)
  if (!sender.ok || sender.sender.address !== address) throw new Error('The sender of a mail is not one address.')
  return address
}

function stoppedVerdict(): Delivery {
  return { kind: 'again', cause: 'stopped', reply: null, problem: 'Rollcall was stopping.' }
}

async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const time = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work, time])
  clearTimeout(timer)
}
