import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { startHelper } from '../support/processes.ts'
import { describeMachine, printComparison, runRounds } from '../support/rounds.ts'
import type { Joined, Order, Reached } from './server.process.ts'

/**
 * Measures how many progress frames a second reach all sockets of one room: Rollcall's live connection against Socket.IO's emit
 * to a room. Both send the same frames to as many sockets, and server and sockets have processes of their own. A version is
 * published when nine in ten sockets have the one before. One of the two publishes while the other rests.
 */
const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    sockets: { type: 'string', default: '5000' },
    'warm-up': { type: 'string', default: '1' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    /** The folder for a profile of the last round of each contender. */
    profiles: { type: 'string', default: '' },
  },
})
const rounds = Number(given.rounds)
const sockets = Number(given.sockets)
const names = ['Rollcall', 'Socket.IO'].filter((name) => given.only === '' || given.only === name)
const print = (line: string) => void process.stdout.write(`${line}\n`)
const { version } = createRequire(import.meta.url)('socket.io/package.json') as { version: string }

print(describeMachine())
print(
  `Socket.IO ${version}, ${sockets} sockets each, ${rounds} rounds of ${given.seconds} s after ${given['warm-up']} s`,
)
const byName = () => new Map<string, number[]>(names.map((name) => [name, []]))
const [p99, cpu, memory] = [byName(), byName(), byName()]
const contenders = []
for (const name of names) {
  const server = startHelper(new URL('server.process.ts', import.meta.url), [name])
  const ask = <Answer>(order: Order) => server.ask<Answer>(order)
  memory.get(name)?.push((await ask<Joined>({ do: 'join', sockets })).memory / 2 ** 20)
  let round = 0
  contenders.push({
    name,
    server,
    async run() {
      round += 1
      const reached = await ask<Reached>({
        do: 'publish',
        warmUp: Number(given['warm-up']),
        seconds: Number(given.seconds),
        profile: given.profiles !== '' && round === rounds ? `${given.profiles}/${name}.cpuprofile` : null,
      })
      p99.get(name)?.push(reached.p99)
      cpu.get(name)?.push(reached.cpu)
      const [median, slow, cost] = [reached.p50, reached.p99, reached.cpu].map((each) => each.toFixed(1))
      print(`         p50 ${median} ms, p99 ${slow} ms, ${cost} µs of the server's processor time a frame`)
      return reached.framesPerSecond
    },
  })
}
await runRounds(contenders, { rounds, unit: 'frames/s', print })
printComparison(p99, 'ms p99', print)
printComparison(cpu, "µs of the server's processor time a frame", print)
printComparison(memory, "MB of the server's memory for the sockets", print)
for (const { server } of contenders) {
  await server.ask({ do: 'leave' } satisfies Order)
  await server.stop()
}
