import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { createSmtpSender } from './sender.ts'
import { parseSmtpUrl } from './settings.ts'
import type { Delivery } from './types.ts'

describe('a mail server with TLS and a sign-in', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  /** Starts a real mail server with one user and a certificate that no authority signed; returns its port and the mails that it accepted. */
  async function startServer(options: SMTPServerOptions) {
    const taken: { secure: boolean; user: string; to: string }[] = []
    const server = new SMTPServer({
      ...options,
      logger: false,
      onAuth: ({ username, password }, _session, answer) =>
        username === 'ada' && password === 'p@ss/word'
          ? answer(null, { user: username })
          : answer(Object.assign(new Error('wrong'), { responseCode: 535 })),
      onData: (stream, session, answer) => {
        stream.resume()
        stream.on('end', () => {
          const to = session.envelope.rcptTo[0]?.address ?? ''
          taken.push({ secure: session.secure, user: String(session.user), to })
          answer()
        })
      },
    })
    server.on('error', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const { port } = server.server.address() as AddressInfo
    return { taken, port }
  }

  async function send(url: string): Promise<Delivery> {
    const parsed = parseSmtpUrl(url)
    if (!parsed.ok) throw new Error(parsed.problem)
    const sender = createSmtpSender({ settings: parsed.settings, logger: pino({ level: 'silent' }) })
    closing.unshift(() => sender.close(0))
    return sender.send({
      from: 'crm@a.example',
      to: 'person@b.example',
      gate: async () => true,
      body: () => 'Subject: hello\r\n\r\nhello\r\n',
    })
  }

  const signIn = 'ada:p%40ss%2Fword'

  it('an smtps:// server gets the mail over TLS from the first byte', async () => {
    const { taken, port } = await startServer({ secure: true })
    expect(await send(`smtps://${signIn}@127.0.0.1:${port}?rejectUnauthorized=false`)).toMatchObject({ kind: 'sent' })
    expect(taken).toEqual([{ secure: true, user: 'ada', to: 'person@b.example' }])
  })

  it('a server that offers STARTTLS gets the sign-in and the mail over TLS', async () => {
    const { taken, port } = await startServer({ secure: false, hideSTARTTLS: false })
    expect(await send(`smtp://${signIn}@127.0.0.1:${port}?rejectUnauthorized=false`)).toMatchObject({ kind: 'sent' })
    expect(taken).toEqual([{ secure: true, user: 'ada', to: 'person@b.example' }])
  })

  it('a server whose certificate is not trusted gets no mail', async () => {
    const { taken, port } = await startServer({ secure: true })
    const delivery = await send(`smtps://${signIn}@127.0.0.1:${port}`)
    expect(delivery).toMatchObject({ kind: 'hold', reason: 'mail_server_down' })
    expect(taken).toEqual([])
  })

  it('a server that refuses the password gets no mail, and the session is held at once', async () => {
    const { taken, port } = await startServer({ secure: true })
    const delivery = await send(`smtps://ada:wrong@127.0.0.1:${port}?rejectUnauthorized=false`)
    expect(delivery).toMatchObject({ kind: 'hold', reason: 'mail_sign_in_refused', after: 1 })
    expect(taken).toEqual([])
  })
})
