import { describe, expect, it } from 'vitest'
import { notePipelined, expectOneEach, kinds, namesUpTo, sendAll } from '../../../test/smtp/pipelined-mails.ts'
import type { SmtpReply, ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'
import type { Delivery, SmtpSender } from './types.ts'

const impatientBefore = { command: 300 }

// There is one connection, unless a test asks for more, so that the mails that wait are pipelined.
const { startServer, senderTo } = smtpSenders({ connections: 1 })

describe('a mail that has a slot and waits for a connection', () => {
  /** Creates a sender whose connections are open, and whose server has answered pipelined envelopes, so that it is trusted with more. */
  async function warmedUp(server: ScriptedSmtpServer, connections: number): Promise<SmtpSender> {
    const { script } = server
    server.script = () => ({ delay: 1 })
    const sender = senderTo(server.url, { connections })
    await sendAll(sender, namesUpTo(10 * connections))
    server.script = script
    return sender
  }

  it('a mail that has a slot gets the connection that is free next, although other mails wait to be pipelined', async () => {
    // Two of four connections end with their mail, so that two mails that were pipelined have a slot and no connection.
    const left = new Set<number>()
    const server = await startServer({
      script: (command, { connection }) => {
        if (command !== 'DOT') return { delay: 1 }
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

  it('a mail that has a slot gets a connection also when the last one ends and the mail pipelined over it is not wanted any more', async () => {
    const ends = [1, 2].map(() => Promise.withResolvers<void>())
    const isPipelined = Promise.withResolvers<void>()
    let ended = 0
    const server = await startServer({
      script: (command) => {
        const end = command === 'DOT' ? ends[ended] : undefined
        if (end === undefined) return undefined
        ended += 1
        if (ended === 2) isPipelined.resolve()
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
    await isPipelined.promise
    isWanted = false
    for (const [index, { resolve }] of ends.entries()) {
      resolve()
      await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(index)
    }
    expect(kinds(await sending)).toEqual(['again', 'again', 'sent', 'gate_closed'])
  })
})

describe('a server that loses what comes behind a mail, although it says that it does not', () => {
  /** Starts a server that loses every pipelined envelope and then waits for it without an answer, on every connection. */
  async function losing(pipelined: boolean[]): Promise<ScriptedSmtpServer> {
    const lost = new Set<number>()
    return startServer({
      script: notePipelined(pipelined, (command, { connection, unread }) => {
        if (command === 'DOT' && unread() !== '') lost.add(connection)
        return command === 'MAIL' && lost.has(connection) ? { silence: true } : undefined
      }),
    })
  }

  it('a server that loses pipelined envelopes keeps only one connection waiting, is trusted no more, and gets every mail once', async () => {
    const pipelined: boolean[] = []
    const server = await losing(pipelined)
    const names = namesUpTo(30)
    const sender = senderTo(server.url, { connections: 3, timeouts: impatientBefore })
    expect(kinds(await sendAll(sender, names))).toEqual(names.map(() => 'sent'))
    expectOneEach(server, names)
    expect(pipelined.filter(Boolean)).toHaveLength(1)
  })

  it('a server that loses pipelined envelopes is not trusted either when it says that nothing came or ends the connection', async () => {
    for (const reply of [
      { delay: 200, reply: { raw: '421 4.4.2 nothing came\r\n', drop: 'fin' } },
      { drop: 'fin' },
    ] satisfies SmtpReply[]) {
      const pipelined: boolean[] = []
      const lost = new Set<number>()
      const server = await startServer({
        script: notePipelined(pipelined, (command, { connection, unread }) => {
          if (command === 'DOT' && unread() !== '') lost.add(connection)
          return command === 'MAIL' && lost.has(connection) ? reply : undefined
        }),
      })
      const names = namesUpTo(30)
      const deliveries = kinds(
        await sendAll(senderTo(server.url, { connections: 3, timeouts: impatientBefore }), names),
      )
      expect(deliveries.filter((kind) => kind === 'sent').length).toBeGreaterThanOrEqual(29)
      expect(pipelined.filter(Boolean)).toHaveLength(1)
    }
  })

  it('a server that lost a pipelined envelope is sent another one after ten minutes', async () => {
    let time = 0
    const pipelined: boolean[] = []
    const server = await losing(pipelined)
    const sender = senderTo(server.url, { now: () => time, timeouts: impatientBefore })
    const attempts: number[] = []
    for (const minutes of [0, 9, 2, 9]) {
      time += minutes * 60_000
      await sendAll(sender, ['ada', 'bo', 'cy'])
      attempts.push(pipelined.splice(0).filter(Boolean).length)
    }
    expect(attempts).toEqual([1, 0, 1, 0])
  })
})
