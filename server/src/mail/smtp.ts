import type { Logger } from 'pino'
import { isSendable, parseSender } from './address.ts'
import { classifyAnswer, type Answer } from './answers.ts'
import { openConnection, type Announced, type Announcement, type MailConnection } from './smtp-connection.ts'
import { createIdle } from './smtp-idle.ts'
import { createAnnouncing, createPause, createSlots, type Place } from './smtp-limits.ts'
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

/** The connection of the mail before, with which this one was announced. */
interface Inherited {
  connection: MailConnection
  announcement: Announcement
  /** When the mail before was answered, on the clock of `performance.now`. */
  since: number
}

/** The mail that was announced with the one that goes over. */
interface Follower {
  announcement: Announcement
  settle: (place: Place<Inherited>) => void
}

/** A mail that has a slot and waits for a connection. */
interface Waiting {
  request: SendRequest
  /** With a connection to go over, or with why there is none. */
  settle: (given: MailConnection | Delivery) => void
}

/**
 * A sender with connections of its own, which it keeps open while there is something to send. A mail goes over the one that
 * is free first, be it new or used: a server that is busy may leave new ones without a greeting for as long as the others
 * are open. Where mails wait for a slot, a mail that goes over announces the one that waits longest, which then has its slot
 * and connection: a question less for each mail.
 */
export function createSmtpSender(options: SmtpSenderOptions): SmtpSender {
  const { url: settings, logger } = options
  const timeouts = { ...defaultSmtpTimeouts, ...options.timeouts }
  const now = options.now ?? (() => performance.now())
  const slots = createSlots<SendRequest, Inherited>(settings.connections, now, logger)
  const announcing = createAnnouncing(now)
  /** A server that was slower to answer an announcement lost it, and may have said only that nothing came. */
  const longestWithoutAnswer = Math.min(10_000, timeouts.command / 2)
  const pause = createPause(() => performance.now())
  const established = new Set<MailConnection>()
  const idle = createIdle<MailConnection>(timeouts.idle, leave)
  /** The one that waits longest first. */
  const waiting: Waiting[] = []
  /** How many connections are being opened. */
  let opening = 0
  const stopping = new AbortController()
  let stopped = false
  /** Of the last mail: most have the same. */
  let checkedSender = ''

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

  async function connectionFor(request: SendRequest): Promise<MailConnection | Delivery> {
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
    if (stopped) return stoppedVerdict()
    if (!waiting.some(({ request }) => isWanted(request))) return unwanted
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
    if (next !== undefined) next.settle(connection)
    else idle.add(connection)
  }

  function giveBack(connection: MailConnection, isReady: boolean): void {
    if (!isReady || connection.dead || stopped || established.size > slots.limit) leave(connection)
    else giveOn(connection)
  }

  /** With the slot. */
  function release(connection: MailConnection, isReady: boolean): void {
    giveBack(connection, isReady)
    slots.release()
  }

  /**
   * Of the mail that waits longest for a slot, which then has that of the mail that goes over now, and its connection. Not while
   * a mail with a slot waits for a connection: that one is next.
   */
  function follow(connection: MailConnection): Follower | null {
    if (stopped || waiting.length > 0 || established.size > slots.limit || !announcing.isAllowed()) return null
    const request = slots.longestWaiting()
    if (request === null || !isWanted(request)) return null
    const announcement = connection.announcementOf(request)
    if (announcement === null) return null
    announcing.begun()
    return { announcement, settle: slots.promise() }
  }

  async function deliverOver(
    connection: MailConnection,
    request: SendRequest,
    announced: Announced | null,
  ): Promise<Delivery> {
    let follower = null as Follower | null
    const next = (): Announcement | null => (follower = follow(connection))?.announcement ?? null
    try {
      const heard = await connection.deliver(request, next, announced)
      learn(connection, heard)
      const delivery = told(request, connection, heard)
      if (follower === null) free(connection, delivery.kind === 'sent')
      else passOn(connection, delivery, follower)
      return delivery
    } catch (error) {
      if (follower === null) free(connection, false)
      else startAnew(connection, follower)
      throw error
    }
  }

  function learn(connection: MailConnection, delivery: Delivery): void {
    if (delivery.kind !== 'again' && delivery.kind !== 'hold') connection.proven = true
    if (connection.proven) pause.end()
    if (delivery.kind !== 'again') return
    if (delivery.cause === 'throttled') slots.fewer(null)
    else if (!connection.proven) pause.longer()
  }

  /** With its slot, once it is ready for the next mail, or gone. */
  function free(connection: MailConnection, isReady: boolean): void {
    if (isReady || connection.dead || stopped) release(connection, true)
    else void connection.reset().then((ready) => release(connection, ready))
  }

  /** With its slot. After the end of a mail, whatever was answered to it, the next can begin (RFC 5321 section 4.1.1.4). */
  function passOn(connection: MailConnection, { kind }: Delivery, follower: Follower): void {
    // What is not known of a mail, and a server that takes its leave, end the connection, and what else came over it is void.
    const isOver = connection.dead && (kind === 'unconfirmed' || kind === 'again')
    if (isOver) startAnew(connection, follower)
    else follower.settle({ connection, announcement: follower.announcement, since: performance.now() })
  }

  /** As if it had not been announced: it has a slot, and gets another connection. */
  function startAnew(connection: MailConnection, { settle }: Follower): void {
    announcing.over(null)
    connection.destroy()
    leave(connection)
    settle('taken')
  }

  function told(request: SendRequest, connection: MailConnection | null, heard: Delivery): Delivery {
    const delivery: Delivery = stopped && heard.kind === 'again' ? { ...heard, cause: 'stopped' } : heard
    request.delivered?.(delivery, connection)
    return delivery
  }

  async function send(request: SendRequest): Promise<Delivery> {
    if (request.from !== checkedSender) checkedSender = checkSender(request.from)
    if (!isSendable(request.to)) return told(request, null, notSendable)
    const place = stopped ? 'stopped' : await slots.take(request)
    if (place === 'stopped') return told(request, null, stoppedVerdict())
    if (place !== 'taken') {
      const { connection, announcement, since } = place
      const replies = await announcement.replies
      const isLate = performance.now() - since >= longestWithoutAnswer
      if (replies.length === 0 && !isLate) announcing.lost()
      else announcing.over(!isLate && isInStep(replies))
      if (replies.length > 0 && isInStep(replies))
        return deliverOver(connection, request, { body: announcement.body, replies })
      // As if it had not been begun.
      connection.destroy()
      leave(connection)
    }
    let given: MailConnection | Delivery
    try {
      given = isWanted(request) ? (takeIdle() ?? (await connectionFor(request))) : unwanted
    } catch (error) {
      slots.release()
      throw error
    }
    if ('kind' in given) {
      slots.release()
      return told(request, null, given)
    }
    return deliverOver(given, request, null)
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
    idle.clear()
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

const notSendable: Delivery = {
  kind: 'failed',
  reason: 'address_refused',
  countsTowardHold: false,
  reply: null,
  problem: 'This is not exactly one address that mail can be sent to.',
}

/**
 * Whether these can be the answers to an announcement. A server that answers the mail before twice shows by a MAIL that is
 * refused for good, which nobody is to be blamed for before it was asked once more, or by a DATA without the 354.
 */
function isInStep([mail, , data]: readonly string[]): boolean {
  return mail?.startsWith('5') !== true && data?.startsWith('2') !== true
}

function isWanted(request: SendRequest): boolean {
  return request.isWanted?.() !== false
}

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
