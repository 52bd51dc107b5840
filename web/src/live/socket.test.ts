import { beforeEach, expect, test } from 'vitest'
import { FakeNetwork } from './fake-network.ts'
import { LiveSocket } from './socket.ts'

let network: FakeNetwork
let reports: string[]
let socket: LiveSocket

beforeEach(() => {
  network = new FakeNetwork()
  reports = []
  socket = new LiveSocket(network.environment, {
    opened: () => reports.push('opened'),
    frame: (frame) => reports.push(`frame ${frame.type}`),
    closed: (code, hasReceived) => reports.push(`closed ${code} ${hasReceived}`),
  })
})

test('A socket that does not open within 2.5 s is given up', async () => {
  await network.pass(2499)
  expect(reports).toEqual([])
  await network.pass(1)
  expect(reports).toEqual(['closed 0 false'])
  expect(network.socket.closed).toBe(true)
})

test('A socket that opens and brings no frame within 5 s is given up', async () => {
  network.socket.open()
  await network.pass(5000)
  expect(reports).toEqual(['opened', 'closed 0 false'])
})

test('A socket reports its end once, and nothing that comes after it', () => {
  network.socket.open()
  network.socket.frame({ type: 'heartbeat', at: '' })
  network.socket.end(1006)
  network.socket.end(1006)
  network.socket.frame({ type: 'heartbeat', at: '' })
  expect(reports).toEqual(['opened', 'frame heartbeat', 'closed 1006 true'])
})

test('A socket that is discarded closes without a report and leaves no timer', async () => {
  network.socket.open()
  socket.discard()
  network.socket.end(1006)
  await network.pass(60_000)
  expect(reports).toEqual(['opened'])
  expect(network.socket.closed).toBe(true)
  expect(network.timers.size).toBe(0)
})

test('A socket sends nothing before it is open', () => {
  socket.send({ type: 'subscribe', room: 'active' })
  network.socket.open()
  expect(network.socket.sent).toEqual([])
})
