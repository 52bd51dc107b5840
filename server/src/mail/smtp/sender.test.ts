import { describe, expect, it } from 'vitest'
import type { SmtpCommand, SmtpReply, ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'
import { answers, losses, openEnds } from '../../../test/smtp/smtp-faults.ts'
import type { Delivery, SendRequest, SmtpSender } from './types.ts'

const { startServer, senderTo } = smtpSenders()
const impatientBefore = { greeting: 300, command: 300 }
const impatientAfter = { delivery: 300 }
const eventually = { timeout: 10_000 }
const mail = 'Subject: hello\r\n\r\n.one dot\r\n..two dots\r\nend\r\n'
const largeMail = `Subject: large\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(100_000)

interface DeliveryAttempt {
  delivery: Delivery
  gates: number
}

async function sendOne(sender: SmtpSender, request: Partial<SendRequest> = {}): Promise<DeliveryAttempt> {
  let gates = 0
  const delivery = await sender.send({
    from: 'no-reply@localhost',
    to: 'ada@x.test',
    body: () => mail,
    ...request,
    gate: async (connection) => {
      gates += 1
      return request.gate === undefined ? true : request.gate(connection)
    },
  })
  return { delivery, gates }
}

/** Counts the ends of connections that this process has open, on the client's and on the server's side. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
}

/** Gives the script of a server that answers one command with `reply` and everything else as usual. */
function at(command: SmtpCommand, reply: SmtpReply) {
  return (each: SmtpCommand): SmtpReply | undefined => (each === command ? reply : undefined)
}

describe('the sender, with a server that offers PIPELINING', () => {
  testSender({ pipelining: true })
})
describe('the sender, with a server that does not offer PIPELINING', () => {
  testSender({ pipelining: false })
})

function testSender({ pipelining }: { pipelining: boolean }): void {
  it('a sender hands over exactly the bytes and the envelope that it was given', async () => {
    const server = await startServer({ pipelining })
    const { delivery, gates } = await sendOne(senderTo(server.url))
    expect(delivery).toEqual({ kind: 'sent', reply: '250 2.0.0 ok: queued', problem: null })
    expect(gates).toBe(1)
    expect(server.mails).toEqual([
      { from: 'no-reply@localhost', to: ['ada@x.test'], raw: Buffer.from(mail), connection: 1 },
    ])
  })

  const before: SmtpCommand[] = ['GREETING', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA']
  it('a mail whose connection is lost before the gate is pending again, with the gate not asked and no copy', async () => {
    for (const command of before)
      for (const [loss, reply] of losses) {
        const name = `${loss} at ${command}`
        const server = await startServer({ pipelining, extensions: ['AUTH PLAIN'], script: at(command, reply) })
        const url = server.url.replace('//', '//ada:secret@')
        const { delivery, gates } = await sendOne(senderTo(url, { timeouts: impatientBefore }))
        expect(delivery, name).toMatchObject({ kind: 'again', cause: 'connection', reply: null })
        expect(gates, name).toBe(0)
        expect(server.mails, name).toHaveLength(0)
      }
  })

  it('a mail whose connection is lost in the body is unconfirmed, with no copy', async () => {
    for (const [name, reply] of losses) {
      const server = await startServer({ pipelining, script: at('BODY', reply) })
      const sender = senderTo(server.url, { timeouts: impatientAfter })
      const { delivery } = await sendOne(sender, { body: () => largeMail })
      expect(delivery, name).toMatchObject({ kind: 'unconfirmed', reply: null })
      expect(server.mails, name).toHaveLength(0)
    }
  })

  it('a mail without a clear answer after the dot is unconfirmed, with at most one copy', async () => {
    for (const [name, reply] of openEnds) {
      const server = await startServer({ pipelining, script: at('DOT', reply) })
      const { delivery, gates } = await sendOne(senderTo(server.url, { timeouts: impatientAfter }))
      expect(delivery.kind, name).toBe('unconfirmed')
      expect(gates, name).toBe(1)
      expect(server.mails.length, name).toBeLessThanOrEqual(1)
    }
  })

  it('the answer to each command is understood as the table of answers says, with no copy', async () => {
    for (const { command, code, verdict } of answers) {
      const name = `${code} at ${command}`
      const server = await startServer({ pipelining, extensions: ['AUTH PLAIN'], script: at(command, `${code} no`) })
      const { delivery, gates } = await sendOne(senderTo(server.url.replace('//', '//ada:secret@')))
      expect(delivery, name).toMatchObject({ ...verdict, reply: `${code} no`, problem: null })
      expect(gates, name).toBe(command === 'DOT' ? 1 : 0)
      expect(server.mails, name).toHaveLength(0)
    }
  })

  it('a sender sends the next mail over the same connection after one that was refused', async () => {
    const server = await startServer({ pipelining })
    const sender = senderTo(`${server.url}?connections=1`)
    for (const command of ['MAIL', 'RCPT', 'DATA', 'DOT'] as const) {
      server.script = at(command, '450 later')
      expect((await sendOne(sender)).delivery.kind).toBe('later')
      server.script = () => undefined
      expect((await sendOne(sender)).delivery.kind).toBe('sent')
    }
    expect(server.mails).toHaveLength(4)
    expect(server.totalConnections).toBe(1)
  })

  it('a sender hands no mail over when the gate says no, or fails', async () => {
    const server = await startServer({ pipelining })
    const sender = senderTo(server.url)
    expect((await sendOne(sender, { gate: async () => false })).delivery).toEqual({ kind: 'gate_closed', cause: null })
    const cause = new Error('The database is away.')
    const failing = await sendOne(sender, { gate: () => Promise.reject(cause) })
    expect(failing.delivery).toEqual({ kind: 'gate_closed', cause })
    expect((await sendOne(sender)).delivery.kind).toBe('sent')
    expect(server.mails).toHaveLength(1)
  })

  it('a sender whose connection is lost or gets an unexpected answer waits for the gate, and then hands nothing over', async () => {
    const events: [string, (server: ScriptedSmtpServer) => unknown][] = [
      ['a loss', (server) => server.stop()],
      ['an answer that comes too early', (server) => server.say('250 ok')],
      ['a refusal that comes too early', (server) => server.say('451 not now')],
      ['something that is no answer', (server) => server.say('hello')],
    ]
    for (const [name, happen] of events) {
      await expect.poll(openSockets, { ...eventually, message: name }).toBe(0)
      const server = await startServer({ pipelining })
      const sender = senderTo(server.url)
      const gate = Promise.withResolvers<boolean>()
      const asked = Promise.withResolvers<void>()
      let settled = false
      const sending = sendOne(sender, {
        gate: () => {
          asked.resolve()
          return gate.promise
        },
      }).finally(() => {
        settled = true
      })
      await asked.promise
      await happen(server)
      await expect.poll(openSockets, { ...eventually, message: name }).toBe(0)
      expect(settled, name).toBe(false)
      gate.resolve(true)
      expect(['again', 'later'], name).toContain((await sending).delivery.kind)
      expect(server.mails, name).toHaveLength(0)
    }
  })

  it('a sender believes a refusal that comes in the middle of the body, and sends no more of it', async () => {
    const server = await startServer({ pipelining, script: at('BODY', '554 5.7.1 enough') })
    const sender = senderTo(server.url)
    const { delivery } = await sendOne(sender, { body: () => largeMail })
    expect(delivery).toMatchObject({ kind: 'failed', reason: 'refused', reply: '554 5.7.1 enough' })
    await expect.poll(() => server.openConnections, eventually).toBe(0)
    expect(server.mails).toHaveLength(0)
  })

  it('a sender waits for a server that answers slowly', async () => {
    const server = await startServer({ pipelining, script: () => ({ delay: 100 }) })
    const { delivery } = await sendOne(senderTo(server.url))
    expect(delivery.kind).toBe('sent')
    expect(server.mails).toHaveLength(1)
  })

  it('a sender sends a thousand mails over one connection without leaving listeners behind', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const server = await startServer({ pipelining })
    const sender = senderTo(`${server.url}?connections=1`)
    for (let count = 0; count < 1000; count += 1) {
      expect((await sendOne(sender)).delivery.kind).toBe('sent')
    }
    process.off('warning', note)
    expect(warnings).toEqual([])
    expect(server.mails).toHaveLength(1000)
    expect(server.totalConnections).toBe(1)
  })
}
