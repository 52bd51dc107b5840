import type { Logger } from 'pino'
import { isSendable, parseSender } from '../address.ts'
import { classifyAnswer } from './answers.ts'
import { openConnection, type Announced, type Announcement, type MailConnection } from './connection.ts'
import { createConnections, isWanted, stoppedVerdict } from './connection-pool.ts'
import { createAnnouncing, createPause, createSlots, type Place } from './concurrency-limit.ts'
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

/**
 * A sender with connections of its own. Where mails wait for a slot, a mail that goes over announces the one that waits
 * longest, which then has its slot and connection: a question less for each mail.
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
  const stopping = new AbortController()
  const connections = createConnections({ settings, timeouts, slots, pause, stopping: stopping.signal })
  /** Of the last mail: most have the same. */
  let checkedSender = ''

  function isStopped(): boolean {
    return stopping.signal.aborted
  }

  /** With the slot. */
  function release(connection: MailConnection, isReady: boolean): void {
    connections.giveBack(connection, isReady)
    slots.release()
  }

  /**
   * Of the mail that waits longest for a slot, which then has that of the mail that goes over now, and its connection. Not while
   * a mail with a slot waits for a connection: that one is next.
   */
  function follow(connection: MailConnection): Follower | null {
    if (isStopped() || connections.areWanted || connections.areTooMany || !announcing.isAllowed()) return null
    const longest = slots.longestWaiting()
    if (longest === null || !isWanted(longest.request)) return null
    const announcement = connection.announcementOf(longest.request)
    if (announcement === null) return null
    announcing.begun()
    slots.inherits(longest)
    return { announcement, settle: longest.settle }
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
    if (isReady || connection.dead || isStopped()) release(connection, true)
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
    announcing.over('untold')
    connections.cut(connection)
    settle('taken')
  }

  function told(request: SendRequest, connection: MailConnection | null, heard: Delivery): Delivery {
    const delivery: Delivery = isStopped() && heard.kind === 'again' ? { ...heard, cause: 'stopped' } : heard
    request.delivered?.(delivery, connection)
    return delivery
  }

  async function send(request: SendRequest): Promise<Delivery> {
    if (request.from !== checkedSender) checkedSender = checkSender(request.from)
    if (!isSendable(request.to)) return told(request, null, notSendable)
    const place = isStopped() ? 'stopped' : await slots.take(request)
    if (place === 'stopped') return told(request, null, stoppedVerdict())
    if (place !== 'taken') {
      const { connection, announcement, since } = place
      const replies = await announcement.replies
      const isLate = performance.now() - since >= longestWithoutAnswer
      const isAnswered = replies.length > 0
      announcing.over(isLate || !isInStep(replies) ? 'failed' : isAnswered ? 'worked' : 'lost')
      if (isAnswered && isInStep(replies)) return deliverOver(connection, request, { body: announcement.body, replies })
      // As if it had not been begun.
      connections.cut(connection)
    }
    const given = await connections.take(request).catch((error: unknown) => {
      slots.release()
      throw error
    })
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
    stopping.abort()
    slots.stop()
    pause.end()
    connections.stop()
    await within(milliseconds, slots.unused())
    connections.destroy()
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

function checkSender(address: string): string {
  const sender = parseSender(address)
  if (!sender.ok || sender.sender.address !== address) throw new Error('The sender of a mail is not one address.')
  return address
}

async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const time = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work, time])
  clearTimeout(timer)
}
