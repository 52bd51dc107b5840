import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SmtpCommand, SmtpReply } from '../../../test/smtp/scripted-smtp-server.ts'
import { smtpSenders } from '../../../test/smtp/smtp-senders.ts'
import { readReplies } from './replies.ts'
import type { Delivery, SmtpSender } from './types.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

// There is one connection, so that a mail shows what the mail before it has left behind.
const { startServer, senderTo } = smtpSenders({ connections: 1 })

function send(sender: SmtpSender, body = 'Subject: hello\r\n\r\nhello\r\n'): Promise<Delivery> {
  const message = { from: 'no-reply@localhost', to: 'ada@x.test', body: () => body, gate: async () => true }
  return sender.send(message)
}

function at(replies: Partial<Record<SmtpCommand, SmtpReply>>) {
  return (command: SmtpCommand): SmtpReply | undefined => replies[command]
}

describe('replies', () => {
  const words = fc.stringMatching(/^[!-~é漢 ]{0,20}$/)
  const code = fc.integer({ min: 200, max: 599 }).map(String)
  const reply = fc.tuple(code, fc.array(words, { minLength: 1, maxLength: 4 }))

  it('replies are read the same wherever their bytes are cut, with either line end, in UTF-8', async () => {
    await expectProperty(
      fc.property(
        fc.array(reply),
        fc.constantFrom('\r\n', '\n'),
        fc.array(fc.nat({ max: 7 })),
        (said, lineEnd, cuts) => {
          const lines = said.map(([number, texts]) =>
            texts.map((text, index) => `${number}${index === texts.length - 1 ? ' ' : '-'}${text}`),
          )
          const bytes = Buffer.from(
            lines
              .flat()
              .map((line) => line + lineEnd)
              .join(''),
          )
          const received: string[] = []
          const reader = readReplies((each) => received.push(each))
          let from = 0
          for (const length of cuts) {
            reader.take(bytes.subarray(from, from + length))
            from += length
          }
          expect(reader.take(bytes.subarray(from))).toBe(0)
          expect(received).toEqual(lines.map((each) => each.join('\n')))
        },
      ),
    )
  })

  it('the reader of replies counts the characters of a reply whose end has not come', () => {
    const reader = readReplies(() => expect.unreachable())
    expect(reader.take(Buffer.from('250-first\r\n250'))).toBe('250-first\n250'.length)
  })
})

describe('a server that was sent the whole envelope at once', () => {
  it('only a server that offers PIPELINING is sent the whole envelope at once', async () => {
    for (const pipelining of [true, false]) {
      const server = await startServer({ pipelining, script: at({ MAIL: '450 4.7.1 not now' }) })
      const name = `the server offers PIPELINING: ${pipelining}`
      expect((await send(senderTo(server.url))).kind, name).toBe('later')
      const said = server.commands.map((command) => command.split(' ')[0])
      expect(said.includes('RCPT') && said.includes('DATA'), name).toBe(pipelining)
    }
  })

  it('a server that waits for a mail without a recipient gets an empty one, and the connection is used again', async () => {
    const script = at({ RCPT: '550 5.1.1 nobody', DATA: '354 go ahead' })
    const server = await startServer({ script })
    const sender = senderTo(server.url)
    const unknown = { kind: 'failed', reason: 'address_refused', reply: '550 5.1.1 nobody' }
    expect(await send(sender)).toMatchObject(unknown)
    server.script = () => undefined
    expect((await send(sender)).kind).toBe('sent')
    expect(server.mails).toHaveLength(1)
    expect(server.totalConnections).toBe(1)
  })

  it('a server that waits for a mail whose sender it refused gets nothing more over this connection', async () => {
    const server = await startServer({ script: at({ MAIL: '450 4.7.1 not now', DATA: '354 go ahead' }) })
    const sender = senderTo(server.url)
    expect(await send(sender)).toMatchObject({ kind: 'later', reply: '450 4.7.1 not now' })
    server.script = () => undefined
    expect((await send(sender)).kind).toBe('sent')
    expect(server.mails).toHaveLength(1)
    expect(server.totalConnections).toBe(2)
  })
})

describe('a mail as it is sent', () => {
  it('a mail arrives as it is although it has lines that begin with a dot or look like its end', async () => {
    for (const [name, body] of [
      ['a dot at the beginning', '..\r\n.a\r\n.\r\n'],
      ['lines of dots alone', 'Subject: dots\r\n\r\n.\r\n..\r\n...\r\nend\r\n'],
      ['what looks like its end', 'Subject: end\r\n\r\nno\r\n.\r\nMAIL FROM:<eve@x.test>\r\n'],
    ] as const) {
      const server = await startServer()
      expect((await send(senderTo(server.url), body)).kind, name).toBe('sent')
      expect(
        server.mails.map(({ raw }) => raw.toString()),
        name,
      ).toEqual([body])
      expect(
        server.commands.filter((command) => command.startsWith('MAIL')),
        name,
      ).toHaveLength(1)
    }
  })

  it('a mail whose last line has no end is given one', async () => {
    const server = await startServer()
    expect((await send(senderTo(server.url), 'Subject: open\r\n\r\nend')).kind).toBe('sent')
    expect(server.mails.map(({ raw }) => raw.toString())).toEqual(['Subject: open\r\n\r\nend\r\n'])
  })

  it('the size of a mail is in MAIL where the server offers SIZE', async () => {
    const server = await startServer({ extensions: ['SIZE 1000'] })
    await send(senderTo(server.url), 'Subject: ten\r\n\r\n')
    expect(server.commands).toContain('MAIL FROM:<no-reply@localhost> SIZE=16')
  })

  it('all words of an answer of several lines are kept', async () => {
    const server = await startServer({ script: at({ DOT: '250-2.0.0 thank\r\n250-2.0.0 you\r\n250 2.0.0 Zoë' }) })
    expect(await send(senderTo(server.url))).toMatchObject({ kind: 'sent', reply: '250 2.0.0 thank you Zoë' })
  })

  it('no mail is begun over a connection on which the server said something unasked', async () => {
    const server = await startServer({ script: at({ DOT: '250 2.0.0 ok\r\n250 2.0.0 once more' }) })
    const sender = senderTo(server.url)
    expect((await send(sender)).kind).toBe('sent')
    await expect.poll(() => server.openConnections, { timeout: 10_000 }).toBe(0)
    expect((await send(sender)).kind).toBe('sent')
    expect(server.totalConnections).toBe(2)
  })

  it('a sender waits for each answer as long as its own timeout says, whatever was asked before', async () => {
    for (const { timeouts, silent, becomes } of [
      {
        timeouts: { command: 400, delivery: 60_000 },
        silent: 'MAIL',
        becomes: { kind: 'again', problem: /for 0\.4 s/ },
      },
      {
        timeouts: { command: 60_000, delivery: 400 },
        silent: 'DOT',
        becomes: { kind: 'unconfirmed', problem: /for 0\.4 s/ },
      },
    ] as const) {
      const slow = silent === 'MAIL' ? 'DOT' : 'MAIL'
      const server = await startServer({ script: at({ [slow]: { delay: 600 } }) })
      const sender = senderTo(server.url, { timeouts })
      const name = `silence after ${silent}`
      for (let mail = 0; mail < 2; mail += 1) expect((await send(sender)).kind, name).toBe('sent')
      server.script = at({ [silent]: { silence: true } })
      expect(await send(sender), name).toMatchObject({ ...becomes, problem: expect.stringMatching(becomes.problem) })
      expect(server.totalConnections, name).toBe(1)
    }
  })

  it('a mail is pending again when an answer before its content has no end', async () => {
    const endless = `250-${'x'.repeat(70_000)}\r\n`
    const server = await startServer({ script: at({ RCPT: { raw: endless } }) })
    expect(await send(senderTo(server.url))).toMatchObject({ kind: 'again', cause: 'connection' })
    await expect.poll(() => server.openConnections, { timeout: 10_000 }).toBe(0)
  })
})
