import { describe, expect, it } from 'vitest'
import { announcements, expectOneEach, kinds, namesUpTo, sendAll } from '../../../test/smtp/pipelined-mails.ts'
import type { SmtpReply, ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'
import type { Delivery, SmtpSender } from './types.ts'

const impatientBefore = { command: 300 }

// With one connection, unless told otherwise, so that what waits is announced.
const { startServer, senderTo } = smtpSenders({ connections: 1 })

describe('a mail that has a slot and waits for a connection', () => {
  /** A sender whose connections are open, and whose server has shown that mails can be announced to it. */
  async function warmedUp(server: ScriptedSmtpServer, connections: number): Promise<SmtpSender> {
    const { script } = server
    server.script = () => ({ delay: 1 })
    const sender = senderTo(server.url, { connections })
    await sendAll(sender, namesUpTo(10 * connections))
    server.script = script
    return sender
  }

  it('has the next that is free, although others are waiting to be announced', async () => {
    // Two of four take their leave of the mail that each has, so that two that were announced have a slot and no connection.
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

  it('gets a connection also when the last of them ends and the one announced with it is not wanted any more', async () => {
    const ends = [1, 2].map(() => Promise.withResolvers<void>())
    const announced = Promise.withResolvers<void>()
    let ended = 0
    const server = await startServer({
      script: (command) => {
        const end = command === 'DOT' ? ends[ended] : undefined
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
  async function losing(heard: boolean[]): Promise<ScriptedSmtpServer> {
    const lost = new Set<number>()
    return startServer({
      script: announcements(heard, (command, { connection, unread }) => {
        if (command === 'DOT' && unread() !== '') lost.add(connection)
        return command === 'MAIL' && lost.has(connection) ? { silence: true } : undefined
      }),
    })
  }

  it('keeps one connection waiting and not all, is believed no more, and has every mail once', async () => {
    const heard: boolean[] = []
    const server = await losing(heard)
    const names = namesUpTo(30)
    const sender = senderTo(server.url, { connections: 3, timeouts: impatientBefore })
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
        script: announcements(heard, (command, { connection, unread }) => {
          if (command === 'DOT' && unread() !== '') lost.add(connection)
          return command === 'MAIL' && lost.has(connection) ? reply : undefined
        }),
      })
      const names = namesUpTo(30)
      const deliveries = kinds(
        await sendAll(senderTo(server.url, { connections: 3, timeouts: impatientBefore }), names),
      )
      expect(deliveries.filter((kind) => kind === 'sent').length).toBeGreaterThanOrEqual(29)
      expect(heard.filter(Boolean)).toHaveLength(1)
    }
  })

  it('is tried again after ten minutes', async () => {
    let time = 0
    const heard: boolean[] = []
    const server = await losing(heard)
    const sender = senderTo(server.url, { now: () => time, timeouts: impatientBefore })
    const announced: number[] = []
    for (const minutes of [0, 9, 2, 9]) {
      time += minutes * 60_000
      await sendAll(sender, ['ada', 'bo', 'cy'])
      announced.push(heard.splice(0).filter(Boolean).length)
    }
    expect(announced).toEqual([1, 0, 1, 0])
  })
})
