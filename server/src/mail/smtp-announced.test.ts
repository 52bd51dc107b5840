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

function namesUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`)
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

  it('is announced with the mail of whoever is ready first, over all connections', async () => {
    const names = namesUpTo(60)
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
      // What is refused for good is asked once more, unannounced, before it means anything.
      expect(server.totalConnections).toBe(moment === 'MAIL' && code! >= 500 ? 2 : 1)
    },
  )

  it.each([
    ['250 2.0.0 ok', 'sent'],
    ['450 4.2.0 later', 'later'],
    ['550 5.7.1 no', 'failed'],
  ])(
    'goes over another connection, and harms nobody, when the mail before is answered twice with %s',
    async (line, kind) => {
      const script: SmtpScript = (moment, { mail }) =>
        moment === 'DOT' && mail === 1 ? `${line}\r\n${line}` : undefined
      const server = await startServer({ script })
      const log: Log = []
      expect(kinds(await sendAll(senderTo(server), ['ada', 'bo', 'cy'], { log }))).toEqual([kind, 'sent', 'sent'])
      expect(log.filter((entry) => entry.endsWith(' gate'))).toEqual(['ada gate', 'bo gate', 'cy gate'])
      expect(server.mails.map(({ to }) => to[0])).toEqual(
        (kind === 'sent' ? ['ada', 'bo', 'cy'] : ['bo', 'cy']).map((name) => `${name}@x.test`),
      )
      expect(server.totalConnections).toBe(2)
    },
  )

  it.each(losses)('is unconfirmed after %s in its body, with at most one copy', async (_name, reply) => {
    const server = await startServer({ script: atSecond('BODY', reply) })
    const requests = { bo: { body: () => largeMail } }
    const deliveries = await sendAll(senderTo(server, { timeouts: impatientAfter }), ['ada', 'bo'], { requests })
    expect(kinds(deliveries)).toEqual(['sent', 'unconfirmed'])
    expect(server.mails).toHaveLength(1)
  })
})

describe('a mail that has a slot and waits for a connection', () => {
  /** A sender whose connections are open, and whose server has shown that mails can be announced to it. */
  async function warmedUp(server: TestSmtpServer, connections: number): Promise<SmtpSender> {
    const { script } = server
    server.script = () => ({ delay: 1 })
    const sender = senderTo(server, { connections })
    await sendAll(sender, namesUpTo(10 * connections))
    server.script = script
    return sender
  }

  it('has the next that is free, although others are waiting to be announced', async () => {
    // Two of four take their leave of the mail that each has, so that two that were announced have a slot and no connection.
    const left = new Set<number>()
    const server = await startServer({
      script: (moment, { connection }) => {
        if (moment !== 'DOT') return { delay: 1 }
        if (left.has(connection) || left.size === 2) return undefined
        left.add(connection)
        return '421 4.7.0 enough'
      },
    })
    const sender = await warmedUp(server, 4)
    const order: string[] = []
    const names = namesUpTo(100)
    const requests = Object.fromEntries(names.map((name) => [name, { delivered: () => void order.push(name) }]))
    const deliveries = await sendAll(sender, names, { requests })
    expect(kinds(deliveries).filter((kind) => kind === 'again')).toHaveLength(2)
    expect(kinds(deliveries).filter((kind) => kind === 'sent')).toHaveLength(98)
    expect(Math.max(...names.slice(0, 12).map((name) => order.indexOf(name)))).toBeLessThan(50)
  })

  it('gets a connection also when the last of them ends and the one announced with it is not wanted any more', async () => {
    const ends = [1, 2].map(() => Promise.withResolvers<void>())
    const announced = Promise.withResolvers<void>()
    let ended = 0
    const server = await startServer({
      script: (moment) => {
        const end = moment === 'DOT' ? ends[ended] : undefined
        if (end === undefined) return undefined
        ended += 1
        if (ended === 2) announced.resolve()
        return { after: end.promise, reply: '421 4.3.2 shutting down' }
      },
    })
    const sender = await warmedUp(server, 2)
    let isWanted = true
    const told: string[] = []
    const requests = Object.fromEntries(
      ['ada', 'bo', 'cy', 'dee'].map((name) => [
        name,
        {
          isWanted: () => isWanted || name === 'cy',
          delivered: ({ kind }: Delivery) => void told.push(`${name} ${kind}`),
        },
      ]),
    )
    const sending = sendAll(sender, ['ada', 'bo', 'cy', 'dee'], { requests })
    await announced.promise
    isWanted = false
    for (const [index, { resolve }] of ends.entries()) {
      resolve()
      await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(index)
    }
    expect(kinds(await sending)).toEqual(['again', 'again', 'sent', 'gate_closed'])
  })
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
    const names = namesUpTo(30)
    const sender = senderTo(server, { connections: 3, timeouts: impatientBefore })
    expect(kinds(await sendAll(sender, names))).toEqual(names.map(() => 'sent'))
    expectOneEach(server, names)
    expect(heard.filter(Boolean)).toHaveLength(1)
  })

  it('is not believed when it says only that nothing came, nor when it ends each connection for it', async () => {
    for (const reply of [
      { delay: 200, reply: { raw: '421 4.4.2 nothing came\r\n', drop: 'fin' } },
      { drop: 'fin' },
    ] satisfies SmtpReply[]) {
      const heard: boolean[] = []
      const lost = new Set<number>()
      const server = await startServer({
        script: announcements(heard, (moment, { connection, unread }) => {
          if (moment === 'DOT' && unread() !== '') lost.add(connection)
          return moment === 'MAIL' && lost.has(connection) ? reply : undefined
        }),
      })
      const names = namesUpTo(30)
      const deliveries = kinds(await sendAll(senderTo(server, { connections: 3, timeouts: impatientBefore }), names))
      expect(deliveries.filter((kind) => kind === 'sent').length).toBeGreaterThanOrEqual(29)
      expect(heard.filter(Boolean)).toHaveLength(1)
    }
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
    const announced = Promise.withResolvers<void>()
    const closing = Promise.withResolvers<void>()
    const server = await startServer({
      script: (moment, { mail, unread }) => {
        if (moment !== 'DOT' || mail !== 1) return undefined
        if (unread() !== '') announced.resolve()
        return { after: closing.promise }
      },
    })
    const sender = senderTo(server)
    const sending = sendAll(sender, ['ada', 'bo', 'cy'])
    await announced.promise
    const closed = sender.close(5000)
    closing.resolve()
    await closed
    expect(await sending).toMatchObject([{ kind: 'sent' }, { kind: 'sent' }, { kind: 'again', cause: 'stopped' }])
    await expect.poll(() => server.openConnections, { timeout: 10_000 }).toBe(0)
  })
})
