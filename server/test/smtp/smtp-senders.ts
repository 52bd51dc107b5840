import { pino } from 'pino'
import { afterEach } from 'vitest'
import { parseSmtpUrl } from '../../src/mail/smtp/settings.ts'
import { createSmtpSender } from '../../src/mail/smtp/sender.ts'
import type { SmtpSender, SmtpTimeouts } from '../../src/mail/smtp/types.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** Longer than a busy machine needs: where something else is waited for, the time must not run out. */
const patient: SmtpTimeouts = { connect: 10_000, greeting: 10_000, command: 10_000, delivery: 10_000, idle: 30_000 }

interface SenderOptions {
  /** Over those that are longer than a busy machine needs. */
  timeouts?: Partial<SmtpTimeouts>
  now?: () => number
  /** Of an address that names none itself. */
  connections?: number
}

/**
 * For the tests of a file: mail servers, and senders to them, which are closed after the test that started them. `defaults`:
 * for all senders.
 */
export function smtpSenders(defaults: SenderOptions = {}): {
  startServer: (options?: Parameters<typeof startScriptedSmtpServer>[0]) => Promise<ScriptedSmtpServer>
  senderTo: (url: string, options?: SenderOptions) => SmtpSender
  /** Closes something else as well. */
  closing: (other: { close(): Promise<void> }) => void
} {
  const opened: { close(milliseconds?: number): Promise<void> }[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close(0)))
  })
  return {
    async startServer(options = {}) {
      const server = await startScriptedSmtpServer(options)
      opened.push({ close: () => server.stop() })
      return server
    },
    senderTo(url, options = {}) {
      const { timeouts, now, connections } = { ...defaults, ...options }
      const parsed = parseSmtpUrl(connections === undefined ? url : `${url}?connections=${connections}`)
      if (!parsed.ok) throw new Error(parsed.problem)
      const sender = createSmtpSender({
        settings: parsed.settings,
        logger: pino({ level: 'silent' }),
        timeouts: { ...patient, ...timeouts },
        ...(now && { now }),
      })
      opened.unshift(sender)
      return sender
    },
    closing: (other) => void opened.push(other),
  }
}
