import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { encodeTextMessage, writeMessage } from './ws.ts'

/** Opens a WebSocket without compression; returns its two ends, and the socket below the server's end. */
async function openPair() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [serverEnd, request] = (await once(server, 'connection')) as [WebSocket, { socket: Socket }]
  await once(client, 'open')
  onTestFinished(() => {
    client.terminate()
    server.close()
  })
  return { client, serverEnd, socket: request.socket }
}

it('the head of a message has the length in one, three or nine bytes, as RFC 6455 asks for, and no mask', () => {
  const heads = [0, 125, 126, 65_535, 65_536].map((length) => {
    const message = encodeTextMessage('x'.repeat(length))
    expect(message.subarray(message.length - length).toString()).toBe('x'.repeat(length))
    return message.subarray(0, message.length - length).toString('hex')
  })
  expect(heads).toEqual(['8100', '817d', '817e007e', '817effff', '817f0000000000010000'])
})

it('a text of more than one byte a character arrives as it was', async () => {
  const { client, socket } = await openPair()
  const text = 'Ngọc Ánh, Zoë, 😀'
  const arrived = once(client, 'message') as Promise<[Buffer]>
  writeMessage(socket, encodeTextMessage(text))
  expect((await arrived)[0].toString()).toBe(text)
})

it('messages written to the socket and frames sent by ws arrive whole and in the order of the calls', async () => {
  const { client, serverEnd, socket } = await openPair()
  const received: string[] = []
  const all = Promise.withResolvers<void>()
  client.on('message', (data: Buffer) => {
    received.push(data.toString().slice(0, 10))
    if (received.length === 450) all.resolve()
  })
  client.on('ping', (data: Buffer) => received.push(data.toString()))
  // The text is so large that the kernel cannot take everything at once.
  const filling = 'x'.repeat(100_000)
  const expected: string[] = []
  for (let number = 100; number < 250; number += 1) {
    serverEnd.send(`sent   ${number}${filling}`)
    serverEnd.ping(`ping ${number}`)
    writeMessage(socket, encodeTextMessage(`direct ${number}${filling}`))
    expected.push(`sent   ${number}`, `ping ${number}`, `direct ${number}`)
  }
  await all.promise
  expect(received).toEqual(expected)
})
