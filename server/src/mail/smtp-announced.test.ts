import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import {
  startSmtpServer,
  type SmtpMoment,
  type SmtpReply,
  type SmtpScript,
  type TestSmtpServer,
} from '../../test/smtp.ts'
import { answers, losses, openEnds } from '../../test/smtp-faults.ts'
import { parseSmtpUrl } from './smtp-settings.ts'
import { createSmtpSender } from './smtp.ts'
import type { Delivery, SendRequest, SmtpSender, SmtpTimeouts } from './types.ts'

/** Longer than a busy machine needs: where something else is waited for, the time must not run out. */
const patient: SmtpTimeouts = { connect: 10_000, greeting: 10_000, command: 10_000, delivery: 10_000, idle: 30_000 }
const impatientBefore = { command: 300 }
const impatientAfter = { delivery: 300 }
const largeMail = `Subject: large\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(100_000)

const opened: { close(milliseconds?: number): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close(0)))
})

async function startServer(options: Parameters<typeof startSmtpServer>[0] = {}): Promise<TestSmtpServer> {
  const server = await startSmtpServer(options)
  opened.push({ close: () => server.stop() })
  return server
}

/** With one connection, unless told otherwise, so that what waits is announced. */
function senderTo(
  { url }: TestSmtpServer,
  options: { timeouts?: Partial<SmtpTimeouts>; now?: () => number; connections?: number } = {},
): SmtpSender {
  const parsed = parseSmtpUrl(`${url}?connections=${options.connections ?? 1}`)
  if (!parsed.ok) throw new Error(parsed.problem)
  const timeouts = { ...patient, ...options.timeouts }
  const sender = createSmtpSender({
    url: parsed.settings,
    logger: pino({ level: 'silent' }),
    timeouts,
    now: options.now,
  })
  opened.unshift(sender)
  return sender
}

/** What was asked and told, in its order. */
type Log = string[]

/** Sends a mail for each name, all at once; the gate of the first waits until all of them do. */
function sendAll(
  sender: SmtpSender,
  names: string[],
  options: { log?: Log; requests?: Record<string, Partial<SendRequest>> } = {},
): Promise<Delivery[]> {
  const { log = [], requests = {} } = options
  return Promise.all(
    names.map((name) =>
      sender.send({
        from: 'no-reply@localhost',
        to: `${name}@x.test`,
        body: () => `Subject: ${name}\r\n\r\n.${name}\r\n`,
        delivered: ({ kind }) => void log.push(`${name} ${kind}`),
        ...requests[name],
        gate: async (connection) => {
          log.push(`${name} gate`)
          // The others have asked for a place by now: they did when the first did, and this came over the network.
          return requests[name]?.gate === undefined ? true : requests[name].gate(connection)
        },
      }),
    ),
  )
}

function expectOneEach(server: TestSmtpServer, names: string[]): void {
  expect(server.mails).toHaveLength(names.length)
  expect(new Set(server.mails.map(({ to }) => to[0]))).toEqual(new Set(names.map((name) => `${name}@x.test`)))
}

function kinds(deliveries: Delivery[]): string[] {
  return deliveries.map(({ kind }) => kind)
}

/** What the server does about the second mail and those after it. */
function atSecond(moment: SmtpMoment, reply: SmtpReply): SmtpScript {
  return (now, { mail }) => (now === moment && mail >= 2 ? reply : undefined)
}

/** Says of each mail whose end came whether another was announced behind it. */
function announcements(heard: boolean[], otherwise: SmtpScript = () => undefined): SmtpScript {
  return (moment, context) => {
    if (moment === 'DOT') heard.push(/^MAIL FROM:<.*>\r\nRCPT TO:<.*>\r\nDATA\r\n$/.test(context.unread()))
    return otherwise(moment, context)
  }
}

describe('a mail that waits for a connection', () => {
  it('is announced in the same breath as the mail before it, and both arrive as they are', async () => {
    const heard: boolean[] = []
    const server = await startServer({ script: announcements(heard) })
    expect(kinds(await sendAll(senderTo(server), ['ada', 'bo', 'cy']))).toEqual(['sent', 'sent', 'sent'])
    expect(heard).toEqual([true, true, false])
    expect(server.mails.map(({ to, raw }) => [to, raw.toString()])).toEqual(
      ['ada', 'bo', 'cy'].map((name) => [[`${name}@x.test`], `Subject: ${name}\r\n\r\n.${name}\r\n`]),
    )
    expect(server.totalConnections).toBe(1)
  })

  it('has its gate asked only after it was told what became of the mail before it', async () => {
    const log: Log = []
    await sendAll(senderTo(await startServer()), ['ada', 'bo', 'cy'], { log })
    expect(log).toEqual(['ada gate', 'ada sent', 'bo gate', 'bo sent', 'cy gate', 'cy sent'])
  })

  it('is announced with the mail of whoever is ready first, in the order in which they came', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `n${index}`)
    const heard: boolean[] = []
    const server = await startServer({ script: announcements(heard) })
    const deliveries = await sendAll(senderTo(server, { connections: 5 }), names)
    expect(deliveries.every(({ kind }) => kind === 'sent')).toBe(true)
    expectOneEach(server, names)
    // The first is tried alone; then all of them are.
    expect(heard.filter(Boolean).length).toBeGreaterThan(1)
    expect(server.totalConnections).toBe(5)
  })

  it('is not announced to a server that did not say that it may be', async () => {
    const heard: boolean[] = []
    const server = await startServer({ pipelining: false, script: announcements(heard) })
    expect(kinds(await sendAll(senderTo(server), ['ada', 'bo']))).toEqual(['sent', 'sent'])
    expect(heard).toEqual([false, false])
  })

  it('is not announced when it is too large, not wanted any more, or cannot be made, and keeps no other from it', async () => {
    const heard: boolean[] = []
    const server = await startServer({ extensions: ['SIZE 1000'], script: announcements(heard) })
    const sender = senderTo(server)
    const failing = (): string => {
      throw new Error('no template')
    }
    const sent = sendAll(sender, ['ada', 'bo', 'cy'], {
      requests: { bo: { body: () => largeMail }, cy: { isWanted: () => false } },
    })
    const failed = sendAll(sender, ['dee'], { requests: { dee: { body: failing } } })
    const last = sendAll(sender, ['eve'])
    await expect(failed).rejects.toThrow('no template')
    expect(await sent).toMatchObject([
      { kind: 'sent' },
      { kind: 'hold', reason: 'message_too_large' },
      { kind: 'gate_closed' },
    ])
    expect(kinds(await last)).toEqual(['sent'])
    expect(heard).toEqual([false, false])
    expect(server.totalConnections).toBe(1)
  })

  it('has as long for its answers as it may, from when the mail before it has its own', async () => {
    const server = await startServer({ script: (moment) => (moment === 'DOT' ? { delay: 600 } : undefined) })
    const sender = senderTo(server, { timeouts: { command: 400 } })
    expect(kinds(await sendAll(sender, ['ada', 'bo']))).toEqual(['sent', 'sent'])
    expect(server.totalConnections).toBe(1)
  })
})

describe('a mail that was announced', () => {
  it.each([
    ['refused', '550 5.7.1 no', 'failed'],
    ['put off', '451 4.3.0 later', 'later'],
  ])('goes on over the connection of one that was %s', async (_name, reply, kind) => {
    const script: SmtpScript = (moment, { mail }) => (moment === 'DOT' && mail === 1 ? reply : undefined)
    const server = await startServer({ script })
    expect(kinds(await sendAll(senderTo(server), ['ada', 'bo', 'cy']))).toEqual([kind, 'sent', 'sent'])
    expect(server.commands.filter((command) => /^(MAIL|RSET)/.test(command))).toHaveLength(3)
    expect(server.totalConnections).toBe(1)
  })

  it.each(openEnds)('goes over another connection after %s for the one before it', async (_name, reply) => {
    const script: SmtpScript = (moment, { mail }) => (moment === 'DOT' && mail === 1 ? reply : undefined)
    const server = await startServer({ script })
    const log: Log = []
    const deliveries = await sendAll(senderTo(server, { timeouts: impatientAfter }), ['ada', 'bo'], { log })
    expect(kinds(deliveries)).toEqual(['unconfirmed', 'sent'])
    expect(log).toEqual(['ada gate', 'ada unconfirmed', 'bo gate', 'bo sent'])
    expect(server.mails.filter(({ to }) => to[0] === 'bo@x.test')).toHaveLength(1)
    expect(server.totalConnections).toBe(2)
  })

  it('goes over another connection when the server takes its leave of the one before it', async () => {
    const script: SmtpScript = (moment, { mail }) => (moment === 'DOT' && mail === 1 ? '421 4.7.0 enough' : undefined)
    const server = await startServer({ script })
    expect(await sendAll(senderTo(server), ['ada', 'bo'])).toMatchObject([
      { kind: 'again', cause: 'throttled' },
      { kind: 'sent' },
    ])
    expect(server.totalConnections).toBe(2)
  })

  it('gets nothing more of itself across when its gate says no, or fails', async () => {
    for (const gate of [async () => false, () => Promise.reject(new Error('The database is away.'))]) {
      const server = await startServer()
      const deliveries = await sendAll(senderTo(server), ['ada', 'bo', 'cy'], { requests: { bo: { gate } } })
      expect(kinds(deliveries)).toEqual(['sent', 'gate_closed', 'sent'])
      expect(server.mails.map(({ to }) => to[0])).toEqual(['ada@x.test', 'cy@x.test'])
    }
  })

  const before = ['MAIL', 'RCPT', 'DATA'] as const
  it.each(before.flatMap((moment) => losses.map(([name, reply]) => ({ moment, name, reply }))))(
    'is pending again after $name at $moment, with the gate untouched and no copy',
    async ({ moment, reply }) => {
      const server = await startServer({ script: atSecond(moment, reply) })
      const log: Log = []
      const sender = senderTo(server, { timeouts: impatientBefore })
      const [first, second] = await sendAll(sender, ['ada', 'bo'], { log })
      expect(first).toMatchObject({ kind: 'sent' })
      expect(second).toMatchObject({ kind: 'again', cause: 'connection', reply: null })
      expect(log).toEqual(['ada gate', 'ada sent', 'bo again'])
      expect(server.mails).toHaveLength(1)
    },
  )

  it.each(openEnds)('is unconfirmed after %s after the dot, with at most one copy', async (_name, reply) => {
    const server = await startServer({ script: atSecond('DOT', reply) })
    const deliveries = await sendAll(senderTo(server, { timeouts: impatientAfter }), ['ada', 'bo'])
    expect(kinds(deliveries)).toEqual(['sent', 'unconfirmed'])
    expect(server.mails.length).toBeLessThanOrEqual(2)
  })

  const moments: readonly SmtpMoment[] = [...before, 'DOT']
  it.each(answers.filter(({ moment }) => moments.includes(moment)))(
    'takes $code at $moment for what it means, with no copy',
    async ({ moment, code, verdict }) => {
      const server = await startServer({ script: atSecond(moment, `${code} no`) })
      const log: Log = []
      const [first, second] = await sendAll(senderTo(server), ['ada', 'bo'], { log })
      expect(first).toMatchObject({ kind: 'sent' })
      expect(second).toMatchObject({ ...verdict, reply: `${code} no`, problem: null })
      expect(log.includes('bo gate')).toBe(moment === 'DOT')
      expect(server.mails).toHaveLength(1)
      expect(server.totalConnections).toBe(1)
    },
  )
})

describe('a server that loses what comes behind a mail, although it says that it does not', () => {
  /** It does so on every connection, to every mail that was announced. */
  async function losing(heard: boolean[]): Promise<TestSmtpServer> {
    const lost = new Set<number>()
    return startServer({
      script: announcements(heard, (moment, { connection, unread }) => {
        if (moment === 'DOT' && unread() !== '') lost.add(connection)
        return moment === 'MAIL' && lost.has(connection) ? { silence: true } : undefined
      }),
    })
  }

  it('keeps one connection waiting and not all, is believed no more, and has every mail once', async () => {
    const heard: boolean[] = []
    const server = await losing(heard)
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`)
    const sender = senderTo(server, { connections: 3, timeouts: impatientBefore })
    expect(kinds(await sendAll(sender, names))).toEqual(names.map(() => 'sent'))
    expectOneEach(server, names)
    expect(heard.filter(Boolean)).toHaveLength(1)
  })

  it('is tried again after ten minutes', async () => {
    let time = 0
    const heard: boolean[] = []
    const server = await losing(heard)
    const sender = senderTo(server, { now: () => time, timeouts: impatientBefore })
    const announced: number[] = []
    for (const minutes of [0, 9, 2, 9]) {
      time += minutes * 60_000
      await sendAll(sender, ['ada', 'bo', 'cy'])
      announced.push(heard.splice(0).filter(Boolean).length)
    }
    expect(announced).toEqual([1, 0, 1, 0])
  })
})

describe('closing while a mail is announced', () => {
  it('lets it end as its gate says', async () => {
    const server = await startServer({ script: (moment) => (moment === 'DOT' ? { delay: 100 } : undefined) })
    const sender = senderTo(server)
    const passed = Promise.withResolvers<void>()
    const sending = sendAll(sender, ['ada', 'bo', 'cy'], {
      requests: {
        ada: {
          gate: async () => {
            passed.resolve()
            return true
          },
        },
      },
    })
    await passed.promise
    await expect.poll(() => server.mails.length, { timeout: 10_000 }).toBe(1)
    await sender.close(5000)
    expect(await sending).toMatchObject([{ kind: 'sent' }, { kind: 'sent' }, { kind: 'again', cause: 'stopped' }])
    await expect.poll(() => server.openConnections, { timeout: 10_000 }).toBe(0)
  })
})
