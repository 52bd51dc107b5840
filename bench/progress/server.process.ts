import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { ageOf } from '../support/ages.ts'
import { answerRequests } from '../support/processes.ts'
import { microseconds, progressNow, type Contender } from './contender.ts'
import type { Measured } from './clients.process.ts'
import { ClientsProcess } from './clients.ts'
import { openRollcall } from './rollcall.ts'
import { openSocketIo } from './socket-io.ts'

/** An order to the process of a contender's server; the sockets are in another process. */
export type Order =
  | { do: 'join'; sockets: number }
  /** Publishes for so many seconds, after a warm-up of so many seconds. */
  | { do: 'publish'; warmUp: number; seconds: number; profile: string | null }
  | { do: 'leave' }

export interface Joined {
  /** The memory that the sockets take in the server, in bytes. */
  memory: number
}
export interface Reached {
  framesPerSecond: number
  /** The time from the publishing of a version until a socket has it, in milliseconds. */
  p50: number
  p99: number
  /** The server's processor time a frame, in microseconds. */
  cpu: number
}

const name = process.argv[2] ?? ''
const contender: Contender = name === 'Rollcall' ? await openRollcall('as fast as it can') : await openSocketIo()
const clients = new ClientsProcess()
answerRequests((order) => obey(order as Order))

async function obey(order: Order): Promise<Joined | Reached | null> {
  if (order.do === 'publish') return publish(order)
  if (order.do === 'leave') {
    await clients.ask({ do: 'leave' })
    return null
  }
  const before = memory()
  await clients.ask({ do: 'join', contender: name, port: contender.port, count: order.sockets })
  return { memory: memory() - before }
}

async function publish(order: Extract<Order, { do: 'publish' }>): Promise<Reached> {
  const stop = publishInTurn()
  await wait(order.warmUp * 1000)
  const from = microseconds()
  clients.tell({ do: 'measure', from, until: from + order.seconds * 1e6 })
  const cpuBefore = process.cpuUsage()
  await profiled(order.profile, () => wait(order.seconds * 1000))
  const { user, system } = process.cpuUsage(cpuBefore)
  await stop()
  const { frames, ages } = (await clients.ask({ do: 'tell' })) as Measured
  return {
    framesPerSecond: frames / order.seconds,
    p50: ageOf(ages, 0.5),
    p99: ageOf(ages, 0.99),
    cpu: (user + system) / frames,
  }
}

/** Publishes a version as soon as nine in ten sockets have the one before. Returns the function that ends this. */
function publishInTurn(): () => Promise<void> {
  let stopping: (() => void) | null = null
  clients.onReceived = () => {
    if (stopping === null) contender.publish(progressNow())
    else stopping()
  }
  contender.publish(progressNow())
  return () => new Promise((resolve) => (stopping = resolve))
}

async function profiled(file: string | null, run: () => Promise<void>): Promise<void> {
  if (file === null) return run()
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  await run()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  writeFileSync(file, JSON.stringify(profile))
  return undefined
}

function memory(): number {
  global.gc?.()
  return process.memoryUsage.rss()
}
