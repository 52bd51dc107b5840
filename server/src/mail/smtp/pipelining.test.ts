import { describe, expect, it } from 'vitest'
import {
  notePipelined,
  expectOneEach,
  kinds,
  namesUpTo,
  sendAll,
  type Log,
} from '../../../test/smtp/pipelined-mails.ts'
import type { SmtpCommand, SmtpReply, SmtpScript } from '../../../test/smtp/scripted-smtp-server.ts'
import { answers, losses, openEnds } from '../../../test/smtp/smtp-faults.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'

const impatientBefore = { command: 300 }
const impatientAfter = { delivery: 300 }
const largeMail = `Subject: large\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(100_000)

// There is one connection, unless a test asks for more, so that the mails that wait are pipelined.
const { startServer, senderTo } = smtpSenders({ connections: 1 })

/** Gives the script of a server that answers a command of the second mail and of those after it with `reply`, and all else as usual. */
function atSecond(command: SmtpCommand, reply: SmtpReply): SmtpScript {
  return (now, { mail }) => (now === command && mail >= 2 ? reply : undefined)
}

describe('a mail that waits for a connection', () => {
  it('the envelope of a waiting mail is sent in one write with the mail before it, and both arrive as they are', async () => {
    const pipelined: boolean[] = []
    const server = await startServer({ script: notePipelined(pipelined) })
    expect(kinds(await sendAll(senderTo(server.url), ['ada', 'bo', 'cy']))).toEqual(['sent', 'sent', 'sent'])
    expect(pipelined).toEqual([true, true, false])
    expect(server.mails.map(({ to, raw }) => [to, raw.toString()])).toEqual(
      ['ada', 'bo', 'cy'].map((name) => [[`${name}@x.test`], `Subject: ${name}\r\n\r\n.${name}\r\n`]),
    )
    expect(server.totalConnections).toBe(1)
  })

  it('the gate of a pipelined mail is asked only after the delivery of the mail before it was reported', async () => {
    const log: Log = []
    await sendAll(senderTo((await startServer()).url), ['ada', 'bo', 'cy'], { log })
    expect(log).toEqual(['ada gate', 'ada sent', 'bo gate', 'bo sent', 'cy gate', 'cy sent'])
  })

  it('a waiting mail is pipelined over whichever connection is ready first', async () => {
    const names = namesUpTo(60)
    const pipelined: boolean[] = []
    const server = await startServer({ script: notePipelined(pipelined) })
    const deliveries = await sendAll(senderTo(server.url, { connections: 5 }), names)
    expect(deliveries.every(({ kind }) => kind === 'sent')).toBe(true)
    expectOneEach(server, names)
    // The first attempt is made alone; after it all connections pipeline.
    expect(pipelined.filter(Boolean).length).toBeGreaterThan(1)
    expect(server.totalConnections).toBe(5)
  })

  it('no mail is pipelined to a server that does not offer PIPELINING', async () => {
    const pipelined: boolean[] = []
    const server = await startServer({ pipelining: false, script: notePipelined(pipelined) })
    expect(kinds(await sendAll(senderTo(server.url), ['ada', 'bo']))).toEqual(['sent', 'sent'])
    expect(pipelined).toEqual([false, false])
  })

  it('a mail that is too large, not wanted any more or cannot be composed is not pipelined, and keeps no other mail from being sent', async () => {
    const pipelined: boolean[] = []
    const server = await startServer({ extensions: ['SIZE 1000'], script: notePipelined(pipelined) })
    const sender = senderTo(server.url)
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
    expect(pipelined).toEqual([false, false])
    expect(server.totalConnections).toBe(1)
  })

  it('a pipelined envelope has the whole timeout for its replies, counted from the answer to the mail before it', async () => {
    const server = await startServer({ script: (command) => (command === 'DOT' ? { delay: 600 } : undefined) })
    const sender = senderTo(server.url, { timeouts: { command: 400 } })
    expect(kinds(await sendAll(sender, ['ada', 'bo']))).toEqual(['sent', 'sent'])
    expect(server.totalConnections).toBe(1)
  })
})

describe('a mail whose envelope was pipelined', () => {
  it('a pipelined mail goes on over the same connection when the mail before it was refused or postponed', async () => {
    for (const [reply, kind] of [
      ['550 5.7.1 no', 'failed'],
      ['451 4.3.0 later', 'later'],
    ] as const) {
      const script: SmtpScript = (command, { mail }) => (command === 'DOT' && mail === 1 ? reply : undefined)
      const server = await startServer({ script })
      expect(kinds(await sendAll(senderTo(server.url), ['ada', 'bo', 'cy'])), reply).toEqual([kind, 'sent', 'sent'])
      expect(
        server.commands.filter((command) => /^(MAIL|RSET)/.test(command)),
        reply,
      ).toHaveLength(3)
      expect(server.totalConnections, reply).toBe(1)
    }
  })

  it('a pipelined mail goes over another connection when the mail before it had no clear answer', async () => {
    for (const [name, reply] of openEnds) {
      const script: SmtpScript = (command, { mail }) => (command === 'DOT' && mail === 1 ? reply : undefined)
      const server = await startServer({ script })
      const log: Log = []
      const deliveries = await sendAll(senderTo(server.url, { timeouts: impatientAfter }), ['ada', 'bo'], { log })
      expect(kinds(deliveries), name).toEqual(['unconfirmed', 'sent'])
      expect(log, name).toEqual(['ada gate', 'ada unconfirmed', 'bo gate', 'bo sent'])
      expect(
        server.mails.filter(({ to }) => to[0] === 'bo@x.test'),
        name,
      ).toHaveLength(1)
      expect(server.totalConnections, name).toBe(2)
    }
  })

  it('a pipelined mail goes over another connection when the server ends this one with 421 after the mail before it', async () => {
    const script: SmtpScript = (command, { mail }) => (command === 'DOT' && mail === 1 ? '421 4.7.0 enough' : undefined)
    const server = await startServer({ script })
    expect(await sendAll(senderTo(server.url), ['ada', 'bo'])).toMatchObject([
      { kind: 'again', cause: 'throttled' },
      { kind: 'sent' },
    ])
    expect(server.totalConnections).toBe(2)
  })

  it('nothing more of a pipelined mail is handed over when its gate says no, or fails', async () => {
    for (const gate of [async () => false, () => Promise.reject(new Error('The database is away.'))]) {
      const server = await startServer()
      const deliveries = await sendAll(senderTo(server.url), ['ada', 'bo', 'cy'], { requests: { bo: { gate } } })
      expect(kinds(deliveries)).toEqual(['sent', 'gate_closed', 'sent'])
      expect(server.mails.map(({ to }) => to[0])).toEqual(['ada@x.test', 'cy@x.test'])
    }
  })

  const before = ['MAIL', 'RCPT', 'DATA'] as const
  it('a pipelined mail whose connection is lost before its gate is pending again, with its gate not asked and no copy', async () => {
    for (const command of before)
      for (const [loss, reply] of losses) {
        const name = `${loss} at ${command}`
        const server = await startServer({ script: atSecond(command, reply) })
        const log: Log = []
        const sender = senderTo(server.url, { timeouts: impatientBefore })
        const [first, second] = await sendAll(sender, ['ada', 'bo'], { log })
        expect(first, name).toMatchObject({ kind: 'sent' })
        expect(second, name).toMatchObject({ kind: 'again', cause: 'connection', reply: null })
        expect(log, name).toEqual(['ada gate', 'ada sent', 'bo again'])
        expect(server.mails, name).toHaveLength(1)
      }
  })

  it('a pipelined mail without a clear answer after its dot is unconfirmed, with at most one copy', async () => {
    for (const [name, reply] of openEnds) {
      const server = await startServer({ script: atSecond('DOT', reply) })
      const deliveries = await sendAll(senderTo(server.url, { timeouts: impatientAfter }), ['ada', 'bo'])
      expect(kinds(deliveries), name).toEqual(['sent', 'unconfirmed'])
      expect(server.mails.length, name).toBeLessThanOrEqual(2)
    }
  })

  const commands: readonly SmtpCommand[] = [...before, 'DOT']
  it('the answer to each command of a pipelined mail is understood as without pipelining, with no copy', async () => {
    for (const { command, code, verdict } of answers.filter((each) => commands.includes(each.command))) {
      const name = `${code} at ${command}`
      const server = await startServer({ script: atSecond(command, `${code} no`) })
      const log: Log = []
      const [first, second] = await sendAll(senderTo(server.url), ['ada', 'bo'], { log })
      expect(first, name).toMatchObject({ kind: 'sent' })
      expect(second, name).toMatchObject({ ...verdict, reply: `${code} no`, problem: null })
      expect(log.includes('bo gate'), name).toBe(command === 'DOT')
      expect(server.mails, name).toHaveLength(1)
      // A refusal for good counts only after the envelope was sent once more, not pipelined.
      expect(server.totalConnections, name).toBe(command === 'MAIL' && code! >= 500 ? 2 : 1)
    }
  })

  it('pipelined mails go over another connection, each once, when the mail before them is answered twice', async () => {
    for (const [line, kind] of [
      ['250 2.0.0 ok', 'sent'],
      ['450 4.2.0 later', 'later'],
      ['550 5.7.1 no', 'failed'],
    ] as const) {
      const script: SmtpScript = (command, { mail }) =>
        command === 'DOT' && mail === 1 ? `${line}\r\n${line}` : undefined
      const server = await startServer({ script })
      const log: Log = []
      const deliveries = await sendAll(senderTo(server.url), ['ada', 'bo', 'cy'], { log })
      expect(kinds(deliveries), line).toEqual([kind, 'sent', 'sent'])
      expect(
        log.filter((entry) => entry.endsWith(' gate')),
        line,
      ).toEqual(['ada gate', 'bo gate', 'cy gate'])
      expect(
        server.mails.map(({ to }) => to[0]),
        line,
      ).toEqual((kind === 'sent' ? ['ada', 'bo', 'cy'] : ['bo', 'cy']).map((name) => `${name}@x.test`))
      expect(server.totalConnections, line).toBe(2)
    }
  })

  it('a pipelined mail whose connection is lost in its body is unconfirmed, with no copy', async () => {
    for (const [name, reply] of losses) {
      const server = await startServer({ script: atSecond('BODY', reply) })
      const requests = { bo: { body: () => largeMail } }
      const deliveries = await sendAll(senderTo(server.url, { timeouts: impatientAfter }), ['ada', 'bo'], { requests })
      expect(kinds(deliveries), name).toEqual(['sent', 'unconfirmed'])
      expect(server.mails, name).toHaveLength(1)
    }
  })
})

describe('closing while an envelope is pipelined', () => {
  it('a sender that closes lets a mail whose envelope was pipelined end as its gate says', async () => {
    const isPipelined = Promise.withResolvers<void>()
    const closing = Promise.withResolvers<void>()
    const server = await startServer({
      script: (command, { mail, unread }) => {
        if (command !== 'DOT' || mail !== 1) return undefined
        if (unread() !== '') isPipelined.resolve()
        return { after: closing.promise }
      },
    })
    const sender = senderTo(server.url)
    const sending = sendAll(sender, ['ada', 'bo', 'cy'])
    await isPipelined.promise
    const closed = sender.close(5000)
    closing.resolve()
    await closed
    expect(await sending).toMatchObject([{ kind: 'sent' }, { kind: 'sent' }, { kind: 'again', cause: 'stopped' }])
    await expect.poll(() => server.openConnections, { timeout: 10_000 }).toBe(0)
  })
})
