import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../test/smtp/scripted-smtp-server.ts'
import {
  connectStage,
  encodeQuotedPrintable,
  isDestroyed,
  offersAuth,
  serverExtensions,
  SMTPConnection,
  takeSocket,
  wrapQuotedPrintable,
  type SmtpConnectionError,
} from './nodemailer.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function startServer(options: Parameters<typeof startScriptedSmtpServer>[0] = {}): Promise<ScriptedSmtpServer> {
  const server = await startScriptedSmtpServer(options)
  closing.push(() => server.stop())
  return server
}

function connectionTo({ port }: { port: number }): SMTPConnection {
  const connection = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true, socketCloseTimeout: 0 })
  closing.push(() => connection.close())
  return connection
}

async function connected(server: ScriptedSmtpServer): Promise<SMTPConnection> {
  const connection = connectionTo(server)
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())))
  return connection
}

describe("nodemailer's SMTPConnection, beyond what it documents", () => {
  it('a connection of nodemailer knows which extensions the server offers, and the largest mail that it accepts', async () => {
    const plain = await connected(await startServer({ pipelining: false }))
    expect(serverExtensions(plain)).toEqual({ pipelining: false, size: false, largestMail: null })
    const offering = await connected(await startServer({ extensions: ['SIZE 1000'] }))
    expect(serverExtensions(offering)).toEqual({ pipelining: true, size: true, largestMail: 1000 })
    const unlimited = await connected(await startServer({ extensions: ['SIZE'] }))
    expect(serverExtensions(unlimited)).toEqual({ pipelining: true, size: true, largestMail: null })
  })

  it('a connection of nodemailer still has the private fields for the extensions, without which no mail would be pipelined', async () => {
    const connection = await connected(await startServer())
    expect(connection).toMatchObject({ _supportedExtensions: expect.any(Array), _maxAllowedSize: expect.any(Number) })
  })

  it('a connection of nodemailer knows whether the server offers AUTH', async () => {
    expect(offersAuth(await connected(await startServer()))).toBe(false)
    expect(offersAuth(await connected(await startServer({ extensions: ['AUTH PLAIN'] })))).toBe(true)
  })

  it('a connection of nodemailer whose socket was taken reads nothing from it, and still reports the end', async () => {
    const server = await startServer()
    const connection = await connected(server)
    const socket = takeSocket(connection)
    expect(socket).not.toBeNull()
    expect(socket!.listenerCount('data')).toBe(0)
    const errors: Error[] = []
    connection.on('error', (error) => errors.push(error))
    const reply = once(socket!, 'data')
    socket!.write('RSET\r\n')
    expect(String(await reply)).toBe('250 2.0.0 ok\r\n')
    expect(isDestroyed(connection)).toBe(false)
    const ended = new Promise<void>((resolve) => connection.on('end', resolve))
    connection.close()
    await ended
    expect(isDestroyed(connection)).toBe(true)
    expect(errors).toEqual([])
  })

  it('a connection of nodemailer whose socket was taken reports the end when the server closes it', async () => {
    const server = await startServer()
    const connection = await connected(server)
    const socket = takeSocket(connection)
    socket!.resume()
    connection.on('error', () => undefined)
    const ended = new Promise<void>((resolve) => connection.on('end', resolve))
    await server.stop()
    await ended
    expect(isDestroyed(connection)).toBe(true)
  })

  it('a connection of nodemailer has no socket before it connects', () => {
    expect(takeSocket(connectionTo({ port: 1 }))).toBeNull()
  })

  it('a connection of nodemailer that failed knows how far it came', async () => {
    const server = await startServer()
    expect(connectStage(await connected(server))).toBe('connected')
    await server.stop()
    const refused = connectionTo(server)
    const error = await new Promise<SmtpConnectionError>((resolve) => {
      refused.on('error', resolve)
      refused.connect(() => undefined)
    })
    expect(error.code).toBe('ESOCKET')
    expect(connectStage(refused)).toBe('unconnected')
  })

  it('a connection of nodemailer says that it upgrades to TLS while it does', async () => {
    const server = await startServer({
      script: (command) => (command === 'STARTTLS' ? { raw: '220 go ahead\r\nno TLS at all\r\n' } : undefined),
    })
    // The time for the greeting bounds the upgrade as well; the server will not answer it.
    const connection = new SMTPConnection({
      host: '127.0.0.1',
      port: server.port,
      requireTLS: true,
      greetingTimeout: 500,
    })
    closing.push(() => connection.close())
    const stage = await new Promise((resolve) => {
      connection.on('error', () => resolve(connectStage(connection)))
      connection.connect(() => undefined)
    })
    expect(stage).toBe('upgrading')
  })
})

it('nodemailer encodes what quoted-printable does not allow, leaves a lone carriage return, and wraps lines with a soft break that counts', () => {
  expect(encodeQuotedPrintable('é = a\r\nb\rc ')).toBe('=C3=A9 =3D a\r\nb\rc=20')
  expect(wrapQuotedPrintable('a'.repeat(100), 75)).toBe(`${'a'.repeat(74)}=\r\n${'a'.repeat(26)}`)
})
