import net from 'node:net'
import { answerRequests } from './processes.ts'

/**
 * This process is a mail server that accepts everything and answers after `delay` milliseconds, like a server whose round trip
 * takes that long; commands that came together are answered together. It answers each request of its parent process with what
 * it has accepted since the request before.
 */
const delay = Number(process.argv[3])

/** The number of mails that were accepted, and the times in milliseconds of the first and the last of them. */
export interface Taken {
  mails: number
  first: number
  last: number
}

let taken: Taken = { mails: 0, first: 0, last: 0 }

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest = ''
  let inMail = false
  const answer = (text: string) => {
    if (delay === 0) socket.write(text)
    else setTimeout(() => socket.writable && socket.write(text), delay)
  }
  socket.on('error', () => undefined)
  answer('220 sink.example ESMTP\r\n')
  socket.on('data', (data) => {
    rest += data.toString('latin1')
    let answers = ''
    for (;;) {
      const end = inMail ? '\r\n.\r\n' : '\r\n'
      const at = rest.indexOf(end)
      if (at === -1) break
      const line = rest.slice(0, at)
      rest = rest.slice(at + end.length)
      if (inMail) count()
      answers += inMail ? '250 2.0.0 Ok\r\n' : answerTo(line)
      inMail = !inMail && /^data$/i.test(line)
    }
    if (answers !== '') answer(answers)
  })
})

function count(): void {
  const now = performance.now()
  taken = { mails: taken.mails + 1, first: taken.mails === 0 ? now : taken.first, last: now }
}

function answerTo(line: string): string {
  const command = line.slice(0, 4).toUpperCase()
  if (command === 'EHLO') return '250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n'
  if (command === 'DATA') return '354 Go on\r\n'
  return command === 'QUIT' ? '221 Bye\r\n' : '250 2.1.0 Ok\r\n'
}

answerRequests(async () => {
  const told = taken
  taken = { mails: 0, first: 0, last: 0 }
  return told
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4096)
