import { expect } from 'vitest'
import type { Delivery, SendRequest, SmtpSender } from '../../src/mail/smtp/types.ts'
import type { SmtpScript, ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** Gates that were asked and deliveries that were reported, in their order. */
export type Log = string[]

/** Sends a mail to each name, all at once. Requests can be changed by name. */
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
          // All the other mails wait for a slot by now: they asked at the same time as the first one, and the server has answered it since.
          return requests[name]?.gate === undefined ? true : requests[name].gate(connection)
        },
      }),
    ),
  )
}

/** Expects that the server has one mail to each name, and no other. */
export function expectOneEach(server: ScriptedSmtpServer, names: string[]): void {
  expect(server.mails).toHaveLength(names.length)
  expect(new Set(server.mails.map(({ to }) => to[0]))).toEqual(new Set(names.map((name) => `${name}@x.test`)))
}

/** Gives as many names of people as asked for. */
export function namesUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`)
}

/** Returns the kinds of the deliveries, in their order. */
export function kinds(deliveries: Delivery[]): string[] {
  return deliveries.map(({ kind }) => kind)
}

/** Gives a script that notes for each mail, at its final dot, whether the envelope of another mail was sent with it. */
export function notePipelined(pipelined: boolean[], otherwise: SmtpScript = () => undefined): SmtpScript {
  return (command, context) => {
    if (command === 'DOT') pipelined.push(/^MAIL FROM:<.*>\r\nRCPT TO:<.*>\r\nDATA\r\n$/.test(context.unread()))
    return otherwise(command, context)
  }
}
