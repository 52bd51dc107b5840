import { SMTPServer } from 'smtp-server'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'
import type { Delivery, SendRequest, SmtpSender } from './types.ts'

const { startServer, senderTo, closing } = smtpSenders()
const eventually = { timeout: 10_000 }
const mail = 'Subject: hello\r\n\r\nhello\r\n'

function send(sender: SmtpSender, request: Partial<SendRequest> = {}): Promise<Delivery> {
  return sender.send({
    from: 'no-reply@localhost',
    to: 'ada@x.test',
    body: () => mail,
    gate: async () => true,
    ...request,
  })
}

function many(count: number, sender: SmtpSender): Promise<Delivery[]> {
  return Promise.all(Array.from({ length: count }, () => send(sender)))
}

describe('a server that cannot be used', () => {
  const down = { kind: 'hold', reason: 'mail_server_down', after: 5, reply: null }

  it('a server that refuses the connection counts toward a hold', async () => {
    const server = await startServer()
    await server.stop()
    const sender = senderTo(server.url)
    expect(await send(sender)).toMatchObject({ ...down, problem: expect.stringContaining('ECONNREFUSED') })
    expect(await sender.probe()).toMatchObject(down)
  })

  it('a server whose name is not known counts toward a hold', async () => {
    expect(await send(senderTo('smtp://no-such-host.invalid:25'))).toMatchObject(down)
  })

  it('a server that does not speak TLS where TLS is asked for counts toward a hold', async () => {
    const goAhead = { raw: '220 go ahead\r\n', drop: 'fin' } as const
    const server = await startServer({ script: (command) => (command === 'STARTTLS' ? goAhead : undefined) })
    expect(await send(senderTo(`${server.url}?requireTLS`))).toMatchObject(down)
    expect(await send(senderTo(server.url.replace('smtp:', 'smtps:')))).toMatchObject({ kind: 'hold' })
    expect(server.mails).toHaveLength(0)
  })

  it('a server is used over STARTTLS or TLS only where its certificate is trusted or need not be', async () => {
    for (const scheme of ['smtp', 'smtps']) {
      const taken: string[] = []
      const server = new SMTPServer({
        secure: scheme === 'smtps',
        authOptional: true,
        logger: false,
        onData(stream, session, callback) {
          taken.push(`${session.secure}`)
          stream.resume().on('end', () => callback())
        },
      })
      server.on('error', () => {})
      closing({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.server.address() as AddressInfo
      const url = `${scheme}://127.0.0.1:${port}`
      expect(await send(senderTo(url)), scheme).toMatchObject(down)
      expect(await send(senderTo(`${url}?rejectUnauthorized=false`)), scheme).toMatchObject({ kind: 'sent' })
      expect(taken, scheme).toEqual(['true'])
    }
  })

  it('a server that refuses or does not offer the sign-in holds the session at once, also for a probe', async () => {
    const script = (command: string) => (command === 'AUTH' ? '535 5.7.8 wrong password' : undefined)
    const server = await startServer({ extensions: ['AUTH PLAIN LOGIN'], script })
    const sender = senderTo(server.url.replace('//', '//ada:secret@'))
    const refused = { kind: 'hold', reason: 'mail_sign_in_refused', after: 1 }
    expect(await send(sender)).toMatchObject({ ...refused, reply: '535 5.7.8 wrong password' })
    expect(await sender.probe()).toMatchObject(refused)
    const without = await startServer()
    expect(await send(senderTo(without.url.replace('//', '//ada:secret@')))).toMatchObject(refused)
  })

  it('a server that accepts the sign-in is ready for a probe', async () => {
    const server = await startServer({ extensions: ['AUTH PLAIN'] })
    expect(await senderTo(server.url.replace('//', '//ada:p%40ss@')).probe()).toEqual({ kind: 'ready' })
    expect(server.commands).toContain(`AUTH PLAIN ${Buffer.from('\0ada\0p@ss').toString('base64')}`)
  })

  it('a server whose SIZE is smaller than the mail holds the session', async () => {
    const server = await startServer({ extensions: ['SIZE 10'] })
    expect(await send(senderTo(server.url))).toMatchObject({ kind: 'hold', reason: 'message_too_large' })
    expect(server.mails).toHaveLength(0)
  })

  it('a server that was away is used again as soon as it is back', async () => {
    const server = await startServer()
    const sender = senderTo(server.url)
    expect((await send(sender)).kind).toBe('sent')
    await server.stop()
    expect(['again', 'hold']).toContain((await send(sender)).kind)
    expect(await send(sender)).toMatchObject(down)
    await server.start()
    expect((await send(sender)).kind).toBe('sent')
    expect(server.mails).toHaveLength(2)
  })

  it('a server that drops every connection is connected to at growing intervals', async () => {
    const server = await startServer({ script: (command) => (command === 'EHLO' ? { drop: 'rst' } : undefined) })
    const sender = senderTo(server.url)
    const start = performance.now()
    for (let count = 0; count < 4; count += 1) expect((await send(sender)).kind).toBe('again')
    // The back-off waits for 50, 100 and 200 ms between the four attempts.
    expect(performance.now() - start).toBeGreaterThan(300)
  })
})

describe('the connections', () => {
  it('as many connections are opened as allowed, and they are kept for the next mails', async () => {
    const server = await startServer({ script: () => ({ delay: 5 }) })
    const sender = senderTo(`${server.url}?connections=7`)
    await many(50, sender)
    await many(50, sender)
    expect(server.mails).toHaveLength(100)
    expect(server.mostConnections).toBe(7)
    expect(server.totalConnections).toBe(7)
  })

  it('the number of connections falls to what a server that greets with 421 allows, and no mail is lost or sent twice', async () => {
    const server = await startServer({ maximumConnections: 3, script: () => ({ delay: 5 }) })
    const sender = senderTo(`${server.url}?connections=10`)
    let sent = 0
    for (let round = 0; round < 10; round += 1) {
      const deliveries = await many(10, sender)
      sent += deliveries.filter((delivery) => delivery.kind === 'sent').length
      const others = deliveries.filter((delivery) => delivery.kind !== 'sent')
      expect(others.every((delivery) => delivery.kind === 'again' && delivery.cause === 'throttled')).toBe(true)
    }
    expect(sender.connections).toBeLessThanOrEqual(3)
    expect(server.mails).toHaveLength(sent)
    const late = await many(20, sender)
    expect(late.map((delivery) => delivery.kind)).toEqual(Array.from({ length: 20 }, () => 'sent'))
  })

  it('open connections take the mails that wait for connections which a busy server leaves without a greeting, and there are no more of them than allowed', async () => {
    const server = await startServer({
      script: (command, { connection }) =>
        command === 'GREETING' && connection > 2 ? { silence: true } : { delay: 5 },
    })
    const sender = senderTo(`${server.url}?connections=4`, { timeouts: { greeting: 60_000 } })
    expect((await many(30, sender)).map(({ kind }) => kind)).toEqual(Array.from({ length: 30 }, () => 'sent'))
    expect(server.totalConnections).toBe(4)
    server.script = (command) => (command === 'MAIL' ? { silence: true } : undefined)
    const sending = many(4, sender)
    const begun = () => server.commands.filter((command) => command.startsWith('MAIL'))
    await expect.poll(begun, eventually).toHaveLength(32)
    await sender.close(0)
    expect((await sending).map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'again'))
    expect(server.totalConnections).toBe(4)
  })

  it('the number of connections rises again by one a minute, up to what was asked for', async () => {
    let time = 0
    const server = await startServer({ maximumConnections: 1, script: () => ({ delay: 5 }) })
    const sender = senderTo(`${server.url}?connections=3`, { now: () => time })
    await many(3, sender)
    expect(sender.connections).toBe(1)
    server.maximumConnections = 10
    for (const expected of [2, 3, 3]) {
      time += 60_000
      await send(sender)
      expect(sender.connections).toBe(expected)
    }
  })

  it('the number of connections is halved when the server throttles a mail', async () => {
    const server = await startServer({ script: (command) => (command === 'RCPT' ? '421 4.7.0 slow down' : undefined) })
    const sender = senderTo(`${server.url}?connections=10`)
    expect(await send(sender)).toMatchObject({ kind: 'again', cause: 'throttled', reply: '421 4.7.0 slow down' })
    expect(sender.connections).toBe(5)
  })

  it('connections are replaced when they have carried as many mails as the server accepts over one', async () => {
    const carried = new Map<number, number>()
    const server = await startServer({
      script: (command, { connection }) => {
        if (command !== 'MAIL') return undefined
        carried.set(connection, (carried.get(connection) ?? 0) + 1)
        return carried.get(connection)! > 5 ? '452 4.5.3 Too many recipients: Too many messages sent' : undefined
      },
    })
    const sender = senderTo(`${server.url}?connections=2`)
    let left = 40
    while (left > 0) {
      const deliveries = await many(left, sender)
      expect(deliveries.every(({ kind }) => kind === 'sent' || kind === 'again')).toBe(true)
      left -= deliveries.filter(({ kind }) => kind === 'sent').length
    }
    expect(server.mails).toHaveLength(40)
    expect(sender.connections).toBe(2)
  })

  it('idle connections are closed with QUIT', async () => {
    const server = await startServer()
    const sender = senderTo(server.url, { timeouts: { idle: 20 } })
    await many(5, sender)
    await expect.poll(() => server.openConnections, eventually).toBe(0)
    expect(server.commands.filter((command) => command === 'QUIT')).toHaveLength(server.totalConnections)
    expect((await send(sender)).kind).toBe('sent')
  })

  it('a connection on which the server says something unasked is closed, and the next mail is sent over another', async () => {
    const server = await startServer()
    const sender = senderTo(server.url)
    await send(sender)
    server.say('421 4.4.2 idle for too long')
    await expect.poll(() => server.openConnections, eventually).toBe(0)
    expect((await send(sender)).kind).toBe('sent')
    expect(server.mails).toHaveLength(2)
  })
})

describe('one mail', () => {
  it('a mail whose address is not exactly one plain address fails without a connection to the server', async () => {
    for (const to of [
      'a@x.test\r\nBcc: evil@z.test',
      'a@x.test, b@x.test',
      ' a@x.test',
      'A <a@x.test>',
      'a@bücher.example',
      '',
    ]) {
      const server = await startServer()
      const name = JSON.stringify(to)
      expect(await send(senderTo(server.url), { to }), name).toMatchObject({
        kind: 'failed',
        reason: 'address_refused',
      })
      expect(server.totalConnections, name).toBe(0)
    }
  })

  it('a mail goes to exactly the address that was stored', async () => {
    const server = await startServer()
    const addresses = ["o'brien+tag@x.test", 'Ada@xn--bcher-kva.example', '!#$%&*/=?^_`{|}~-@x.test']
    for (const to of addresses) expect((await send(senderTo(server.url), { to })).kind).toBe('sent')
    expect(server.mails.map((each) => each.to)).toEqual(addresses.map((address) => [address]))
  })

  it('a mail that cannot be composed is rejected, and leaves its connection usable', async () => {
    const server = await startServer()
    const sender = senderTo(`${server.url}?connections=1`)
    const body = (): string => {
      throw new Error('no template')
    }
    await expect(send(sender, { body })).rejects.toThrow('no template')
    await expect(send(sender, { from: 'a@x.test, b@x.test' })).rejects.toThrow('sender')
    expect((await send(sender)).kind).toBe('sent')
    expect(server.totalConnections).toBe(1)
  })
})

describe('closing', () => {
  it('a sender that closes waits for the mail in flight, and accepts no more', async () => {
    const server = await startServer({ script: (command) => (command === 'DOT' ? { delay: 100 } : undefined) })
    const sender = senderTo(`${server.url}?connections=1`)
    const passed = Promise.withResolvers<void>()
    const gate = async (): Promise<boolean> => {
      passed.resolve()
      return true
    }
    const inFlight = send(sender, { gate })
    const waiting = send(sender)
    await passed.promise
    await sender.close(5000)
    expect((await inFlight).kind).toBe('sent')
    expect(await waiting).toMatchObject({ kind: 'again', cause: 'stopped' })
    expect(await send(sender)).toMatchObject({ kind: 'again', cause: 'stopped' })
    await expect.poll(() => server.openConnections, eventually).toBe(0)
    expect(server.mails).toHaveLength(1)
  })

  it('a sender that closes waits no longer than it may, and reports the mail that was handed over as unconfirmed and the other as pending again', async () => {
    const server = await startServer({ script: (command) => (command === 'DOT' ? { silence: true } : undefined) })
    const sender = senderTo(`${server.url}?connections=2`, { timeouts: { command: 60_000, delivery: 60_000 } })
    const beyond = send(sender)
    await expect.poll(() => server.mails.length, eventually).toBe(1)
    server.script = (command) => (command === 'RCPT' ? { silence: true } : undefined)
    const before = send(sender)
    const recipients = () => server.commands.filter((command) => command.startsWith('RCPT'))
    await expect.poll(recipients, eventually).toHaveLength(2)
    await sender.close(50)
    expect((await beyond).kind).toBe('unconfirmed')
    expect(await before).toMatchObject({ kind: 'again', cause: 'stopped' })
    expect(server.mails).toHaveLength(1)
  })

  it('a sender that closes gives up a connection that is still being opened', async () => {
    const server = await startServer({ script: () => ({ silence: true }) })
    const sender = senderTo(server.url, { timeouts: { greeting: 60_000 } })
    const sending = send(sender)
    await expect.poll(() => server.openConnections, eventually).toBe(1)
    await sender.close(60_000)
    expect(await sending).toMatchObject({ kind: 'again', cause: 'stopped' })
  })
})
