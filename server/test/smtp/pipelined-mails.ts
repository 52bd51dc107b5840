import { expect } from 'vitest'
import type { Delivery, SendRequest, SmtpSender } from '../../src/mail/smtp/types.ts'
import type { SmtpScript, ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** What was asked and told, in its order. */
export type Log = string[]

/** Sends a mail for each name, all at once; the gate of the first waits until all of them do. */
export function sendAll(
  sender: SmtpSender,
  names: string[],
  options: { log?: Log; requests?: Record<string, Partial<SendRequest>> } = {},
): Promise<Delivery[]> {
  const { log = [], requests = {} } = options
  return Promise.all(
    names.map((name) =>
      sender.send({
        from: 'no-reply@localhost',
        to: `${name}@x.test`,
        body: () => `Subject: ${name}\r\n\r\n.${name}\r\n`,
        delivered: ({ kind }) => void log.push(`${name} ${kind}`),
        ...requests[name],
        gate: async (connection) => {
          log.push(`${name} gate`)
          // The others have asked for a place by now: they did when the first did, and this came over the network.
          return requests[name]?.gate === undefined ? true : requests[name].gate(connection)
        },
      }),
    ),
  )
}

/** Each of them has one mail, and nobody else any. */
export function expectOneEach(server: ScriptedSmtpServer, names: string[]): void {
  expect(server.mails).toHaveLength(names.length)
  expect(new Set(server.mails.map(({ to }) => to[0]))).toEqual(new Set(names.map((name) => `${name}@x.test`)))
}

/** Names of people. */
export function namesUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`)
}

/** What became of each. */
export function kinds(deliveries: Delivery[]): string[] {
  return deliveries.map(({ kind }) => kind)
}

/** Says of each mail whose end came whether another was announced behind it. */
export function announcements(heard: boolean[], otherwise: SmtpScript = () => undefined): SmtpScript {
  return (command, context) => {
    if (command === 'DOT') heard.push(/^MAIL FROM:<.*>\r\nRCPT TO:<.*>\r\nDATA\r\n$/.test(context.unread()))
    return otherwise(command, context)
  }
}
