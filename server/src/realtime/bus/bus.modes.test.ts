import { pino } from 'pino'
import { expect, it, onTestFinished, vi } from 'vitest'
import { openBus, type Connection } from './bus.ts'

/** One attempt to connect, which the test lets succeed or fail. */
interface Attempt {
  succeed(): void
  fail(): void
  lose(): void
  receive(message: string): void
  /** What was sent over the connection. */
  sent: string[]
  /** Lets what is sent from now on fail. */
  refuse(): void
  closed: boolean
}

/** Opens a bus over a transport that does what the test says. */
function openScriptedBus() {
  const attempts: Attempt[] = []
  const notified: string[][] = []
  const bus = openBus(
    {
      name: 'the test',
      connect(onMessage, onLost) {
        const result = Promise.withResolvers<Connection>()
        let refusing = false
        const attempt: Attempt = {
          sent: [],
          closed: false,
          succeed: () => result.resolve(connection),
          fail: () => result.reject(new Error('nobody answers')),
          lose: () => onLost(new Error('the connection was cut')),
          receive: onMessage,
          refuse: () => (refusing = true),
        }
        const connection: Connection = {
          async send(message) {
            if (refusing) throw new Error('nothing is taken')
            attempt.sent.push(message)
          },
          check: async () => undefined,
          async close() {
            attempt.closed = true
          },
        }
        attempts.push(attempt)
        return result.promise
      },
    },
    {
      logger: pino({ level: 'silent' }),
      onNotification: (sessionIds) => notified.push(sessionIds),
      onMissed: () => undefined,
      timings: { retry: 10, longestRetry: 20 },
    },
  )
  onTestFinished(async () => {
    for (const attempt of attempts) attempt.fail()
    await bus.close()
  })
  const attempt = (number: number) => vi.waitUntil(() => attempts[number])
  return { bus, attempt, notified }
}

it('a bus that is connecting tries again after a failure, and keeps what is published until it is open', async () => {
  const { bus, attempt } = openScriptedBus()
  bus.publish(['a'], false)
  ;(await attempt(0)).fail()
  const second = await attempt(1)
  second.succeed()
  await vi.waitFor(() => expect(second.sent).toEqual(['. a']))
})

it('an open bus whose connection is lost is connecting again', async () => {
  const { bus, attempt } = openScriptedBus()
  const first = await attempt(0)
  first.succeed()
  bus.publish(['a'], true)
  await vi.waitFor(() => expect(first.sent).toEqual(['! a']))
  first.lose()
  const second = await attempt(1)
  expect(first.closed).toBe(true)
  bus.publish(['b'], false)
  second.succeed()
  await vi.waitFor(() => expect(second.sent).toEqual(['. b']))
  expect(first.sent).toEqual(['! a'])
})

it('an open bus that cannot send is connecting again, and sends the same over the next connection', async () => {
  const { bus, attempt } = openScriptedBus()
  const first = await attempt(0)
  first.refuse()
  first.succeed()
  bus.publish(['a'], true)
  const second = await attempt(1)
  expect(first.closed).toBe(true)
  second.succeed()
  await vi.waitFor(() => expect(second.sent).toEqual(['! a']))
})

it('a connection that is lost while it is being opened is closed, and another one is opened', async () => {
  const { attempt } = openScriptedBus()
  const first = await attempt(0)
  first.lose()
  first.succeed()
  await attempt(1)
  expect(first.closed).toBe(true)
})

it('a bus that is closing waits for the attempt to connect, sends what waits over that connection, and closes it', async () => {
  const { bus, attempt } = openScriptedBus()
  const first = await attempt(0)
  bus.publish(['a'], false)
  const closed = bus.close()
  first.succeed()
  await closed
  expect(first.sent).toEqual(['. a'])
  expect(first.closed).toBe(true)
})

it('a bus that is closing or closed notifies nobody, and may be closed again', async () => {
  const { bus, attempt, notified } = openScriptedBus()
  const first = await attempt(0)
  first.succeed()
  await vi.waitFor(() => {
    first.receive('. a')
    expect(notified).not.toEqual([])
  })
  notified.splice(0)
  const closed = bus.close()
  first.receive('. b')
  await closed
  first.receive('. c')
  await bus.close()
  expect(notified).toEqual([])
})
