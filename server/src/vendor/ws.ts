import type { Socket } from 'node:net'
import * as ws from 'ws'

/**
 * What Rollcall uses of `ws` beyond its documented interface (decision 13), held by the contract test beside this file:
 * `Sender.frame`, which the package's types leave out and Socket.IO relies on as well, and the way in which a `WebSocket`
 * writes to its socket.
 */
const { Sender } = ws as unknown as {
  Sender: { frame(data: Buffer, options: Record<string, unknown>): Buffer[] }
}

/** Returns a text as one whole WebSocket message with its head (RFC 6455 section 5.2). It is not masked, so only a server may send it. */
export function encodeTextMessage(text: string): Buffer {
  const options = { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: true }
  return Buffer.concat(Sender.frame(Buffer.from(text), options))
}

/**
 * Writes a message of `encodeTextMessage` to the socket below a WebSocket. `ws` writes each of its own frames whole and
 * within the call that sends it, so the two never mix; that holds only while `perMessageDeflate` is off, because what is
 * compressed is written later.
 */
export function writeMessage(socket: Socket, message: Buffer): void {
  socket.write(message)
}
