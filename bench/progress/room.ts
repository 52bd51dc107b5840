import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { describeMachine } from '../support/rounds.ts'
import { progressNow } from './contender.ts'
import type { Ended } from './clients.process.ts'
import { ClientsProcess } from './clients.ts'
import { openRollcall } from './rollcall.ts'

/**
 * Measures a large room at Rollcall's own rate of frames: how long all sockets take to join, the memory that they take, how long
 * frames and heartbeats block the event loop, whether every socket has the last frame, and how a server that closes ends its
 * connections. Each end of a socket counts towards the limit of open files of its process.
 */
const { values: given } = parseArgs({
  options: { sockets: { type: 'string', default: '10000' }, seconds: { type: 'string', default: '35' } },
})
const sockets = Number(given.sockets)
const print = (line: string) => void process.stdout.write(`${line}\n`)
const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)
const memory = () => {
  global.gc?.()
  return process.memoryUsage.rss()
}

const server = await openRollcall('its own')
const clients = new ClientsProcess()
const before = memory()
const begun = performance.now()
await clients.ask({ do: 'join', contender: 'Rollcall', port: server.port, count: sockets })
const joined = (performance.now() - begun) / 1000
const joinedMemory = memory()
print(describeMachine())
print(
  `${sockets} sockets joined in ${joined.toFixed(1)} s and take ${megabytes(joinedMemory - before)} MB (${megabytes(joinedMemory)} MB in all)`,
)

const loop = monitorEventLoopDelay({ resolution: 1 })
const cpuBefore = process.cpuUsage()
let peak = 0
loop.enable()
const end = performance.now() + Number(given.seconds) * 1000
while (performance.now() < end) {
  server.publish(progressNow())
  peak = Math.max(peak, process.memoryUsage.rss())
  await wait(20)
}
loop.disable()
const { user, system } = process.cpuUsage(cpuBefore)
const [p50, p99, most] = [loop.percentile(50), loop.percentile(99), loop.max].map((each) => (each / 1e6).toFixed(1))
print(
  `50 changes a second for ${given.seconds} s, with heartbeats: event loop p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms`,
)
print(`${((user + system) / Number(given.seconds) / 1e4).toFixed(0)} % of a processor, ${megabytes(peak)} MB at most`)

// A merged change may take a second to arrive.
await wait(2000)
const ended = clients.ask({ do: 'expectEnd' })
await server.close()
const { complete, codes, seconds, mostInASecond } = (await ended) as Ended
print(`${complete} of ${sockets} had the last frame`)
print(
  `let go in ${seconds.toFixed(1)} s, at most ${mostInASecond} in a second, with ${codes.map(([code, count]) => `${code} (${count})`).join(', ')}`,
)
process.exit(complete === sockets ? 0 : 1)
