import net from 'node:net'

/** A mail server that takes everything and reads no more of it than it must. */
const server = net.createServer({ noDelay: true }, (socket) => {
  let rest = ''
  let inMail = false
  socket.on('error', () => undefined)
  socket.write('220 sink.example ESMTP\r\n')
  socket.on('data', (data) => {
    rest += data.toString('latin1')
    let answers = ''
    for (;;) {
      const end = inMail ? '\r\n.\r\n' : '\r\n'
      const at = rest.indexOf(end)
      if (at === -1) break
      const line = rest.slice(0, at)
      rest = rest.slice(at + end.length)
      answers += inMail ? '250 2.0.0 Ok\r\n' : answerTo(line)
      inMail = !inMail && /^data$/i.test(line)
    }
    if (answers !== '') socket.write(answers)
  })
})

function answerTo(line: string): string {
  const command = line.slice(0, 4).toUpperCase()
  if (command === 'EHLO') return '250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n'
  if (command === 'DATA') return '354 Go on\r\n'
  return command === 'QUIT' ? '221 Bye\r\n' : '250 2.1.0 Ok\r\n'
}

server.listen(Number(process.argv[2]), '127.0.0.1')
