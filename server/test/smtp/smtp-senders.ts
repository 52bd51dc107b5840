import { pino } from 'pino'
import { afterEach } from 'vitest'
import { parseSmtpUrl } from '../../src/mail/smtp/settings.ts'
import { createSmtpSender } from '../../src/mail/smtp/sender.ts'
import type { SmtpSender, SmtpTimeouts } from '../../src/mail/smtp/types.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** These timeouts are longer than a busy machine needs, so that none ends a test that waits for something else. */
const patient: SmtpTimeouts = { connect: 10_000, greeting: 10_000, command: 10_000, delivery: 10_000, idle: 30_000 }

interface SenderOptions {
  /** Timeouts that differ from the patient ones. */
  timeouts?: Partial<SmtpTimeouts>
  now?: () => number
  /** The most connections, where the URL does not say it. */
  connections?: number
  /** False switches the pipelining of envelopes off. */
  pipelining?: boolean
}

/**
 * Gives the tests of a file scripted mail servers and senders to them, each of which is closed after the test that started it.
 * `defaults` apply to all senders.
 */
export function smtpSenders(defaults: SenderOptions = {}): {
  startServer: (options?: Parameters<typeof startScriptedSmtpServer>[0]) => Promise<ScriptedSmtpServer>
  senderTo: (url: string, options?: SenderOptions) => SmtpSender
  /** Closes something else after the test as well. */
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
      const { timeouts, now, connections, pipelining = true } = { ...defaults, ...options }
      const parsed = parseSmtpUrl(connections === undefined ? url : `${url}?connections=${connections}`)
      if (!parsed.ok) throw new Error(parsed.problem)
      const sender = createSmtpSender({
        settings: parsed.settings,
        logger: pino({ level: 'silent' }),
        timeouts: { ...patient, ...timeouts },
        pipelining,
        ...(now && { now }),
      })
      opened.unshift(sender)
      return sender
    },
    closing: (other) => void opened.push(other),
  }
}
