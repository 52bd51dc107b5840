import { answerRequests } from '../support/processes.ts'
import { addressOf, type Message } from './message.ts'
import { openTransport } from './transport.ts'

interface Round {
  port: number
  connections: number
  mails: number
  message: Message
}

/** Sends the mails over nodemailer's pool, by `sendMail` with text and html and without a database; resolves to mails a second. */
async function send({ port, connections, mails, message }: Round): Promise<number> {
  const transport = openTransport(port, connections)
  const { from, subject, text, html } = message
  const begun = performance.now()
  let next = 0
  // The pool is given twice as many mails at once as it has connections; more would only cost it memory.
  const loops = Array.from({ length: connections * 2 }, async () => {
    for (let number = next++; number < mails; number = next++)
      await transport.sendMail({ from, to: addressOf(number), subject, text, html })
  })
  await Promise.all(loops)
  const seconds = (performance.now() - begun) / 1000
  transport.close()
  return mails / seconds
}

answerRequests((request) => send(request as Round))
