import { describe, expect, it } from 'vitest'
import {
  expectOneEach,
  kinds,
  namesUpTo,
  notePipelined,
  sendAll,
  type Log,
} from '../../../test/smtp/pipelined-mails.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'

// There is one connection, unless a test asks for more, so that the mails that wait are pipelined.
const { startServer, senderTo } = smtpSenders({ connections: 1 })

describe('a sender with pipelined envelopes', () => {
  testSender({ pipelining: true })
})
describe('a sender with pipelining switched off', () => {
  testSender({ pipelining: false })
})

function testSender({ pipelining }: { pipelining: boolean }): void {
  it('a sender pipelines envelopes only when pipelining is switched on', async () => {
    const pipelined: boolean[] = []
    const server = await startServer({ script: notePipelined(pipelined) })
    expect(kinds(await sendAll(senderTo(server.url, { pipelining }), ['ada', 'bo', 'cy']))).toEqual([
      'sent',
      'sent',
      'sent',
    ])
    expect(pipelined).toEqual([pipelining, pipelining, false])
  })

  it('a sender reports each mail as its server and its gate decide, and hands none over twice, with pipelining and without', async () => {
    const names = namesUpTo(60)
    const nameOf = (to: string | undefined): number => Number(/^n(\d+)@/.exec(to ?? '')?.[1])
    const server = await startServer({
      script(command, { line, to }) {
        if (command === 'RCPT' && nameOf(/<(.*)>/.exec(line)?.[1]) % 10 === 3) return '550 5.1.1 no such user'
        if (command === 'DOT' && nameOf(to[0]) % 10 === 5) return '451 4.3.0 later'
        return command === 'DOT' && nameOf(to[0]) % 20 === 7 ? { drop: 'rst' } : undefined
      },
    })
    const log: Log = []
    const requests = { n11: { gate: async () => false }, n31: { gate: () => Promise.reject(new Error('away')) } }
    const sender = senderTo(server.url, { connections: 4, pipelining })
    const deliveries = await sendAll(sender, names, { log, requests })
    expect(kinds(deliveries)).toEqual(
      names.map((name, index) => {
        if (name in requests) return 'gate_closed'
        if (index % 10 === 3) return 'failed'
        if (index % 10 === 5) return 'later'
        return index % 20 === 7 ? 'unconfirmed' : 'sent'
      }),
    )
    // A mail that was sent is there once, one whose answer was lost at most once, and no other at all.
    const mayHave = names.filter((_, index) => ['sent', 'unconfirmed'].includes(deliveries[index]!.kind))
    const received = server.mails.map(({ to }) => to[0]!.split('@')[0]!)
    expect(new Set(received).size).toBe(received.length)
    expect(received.filter((name) => !mayHave.includes(name))).toEqual([])
    for (const [index, { kind }] of deliveries.entries()) if (kind === 'sent') expect(received).toContain(`n${index}`)
    // A gate is asked exactly once for each mail that the server agreed to, and before its delivery is reported.
    for (const [index, name] of names.entries()) {
      const entries = log.filter((entry) => entry.startsWith(`${name} `))
      expect(entries).toEqual([...(index % 10 === 3 ? [] : [`${name} gate`]), `${name} ${deliveries[index]!.kind}`])
    }
  })

  it('a sender asks the gate of a mail only after it has reported the delivery of the mail before it over the connection', async () => {
    const server = await startServer()
    const inFlight = new Map<object, number>()
    let most = 0
    const change = (connection: object | null, by: number): void => {
      if (connection === null) return
      inFlight.set(connection, (inFlight.get(connection) ?? 0) + by)
      most = Math.max(most, inFlight.get(connection)!)
    }
    const names = namesUpTo(40)
    const requests = Object.fromEntries(
      names.map((name) => [
        name,
        {
          gate: async (connection: object) => {
            change(connection, 1)
            return true
          },
          delivered: (_: unknown, connection: object | null) => change(connection, -1),
        },
      ]),
    )
    const deliveries = await sendAll(senderTo(server.url, { connections: 3, pipelining }), names, { requests })
    expect(kinds(deliveries)).toEqual(names.map(() => 'sent'))
    expect(most).toBe(1)
    expectOneEach(server, names)
  })
}
