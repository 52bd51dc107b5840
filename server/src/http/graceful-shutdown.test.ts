import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../test/app/activation.ts'
import { createStateMachine } from '../util/state-machine.ts'
import { createServer, type Server } from './server.ts'
import { closeServer, shutdownTransitions, type ShutdownMode, type ShutdownTimings } from './graceful-shutdown.ts'

const usualTimings: ShutdownTimings = { deregistration: 1000, transit: 1000, quiet: 500, longestDrain: 3000 }
const balancer = { 'x-forwarded-for': '192.0.2.7', 'x-rollcall-tries-next': '1' }
const answers: (() => void)[] = []
let server: Server
let port: number

afterEach(async () => {
  for (const answer of answers.splice(0)) answer()
  await server.close()
})

async function open(own: Partial<ShutdownTimings> = {}): Promise<void> {
  const timings = { ...usualTimings, ...own }
  server = await createServer({ logger: pino({ level: 'silent' }), https: false, timings })
  server.route({ method: ['GET', 'POST'], url: '/thing', handler: async () => ({ served: true }) })
  server.post('/slow', async () => {
    await new Promise<void>((resolve) => answers.push(resolve))
    return { served: true }
  })
  server.get('/long', (_request, reply) => {
    const body = new PassThrough()
    body.write('begun')
    answers.push(() => body.end('ended'))
    return reply.type('text/x-long').send(body)
  })
  server.get('/endless', { config: { endless: true } }, async () => ({ served: true }))
  await server.listen({ host: '127.0.0.1', port: 0 })
  port = (server.server.address() as AddressInfo).port
}

interface Answer {
  status: number
  connection: string | undefined
}

/** Sends one request on a connection of its own, and returns its answer; null where nobody listens. */
function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer | null> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, method, path, headers: { ...headers, connection: 'keep-alive' }, agent: false },
      (response) => {
        response.resume()
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, connection: response.headers.connection ?? undefined }),
        )
      },
    )
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(null)
      else reject(error)
    })
    request.end()
  })
}

/** Sends one request and returns the status of its answer; null where nobody listens. */
const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked))?.status ?? null

describe('a server behind a balancer that shuts down', () => {
  it('A server behind a balancer that shuts down serves everything for a while, then refuses the reads that can go elsewhere, and listens until no request comes', async () => {
    // The times are long enough for the requests that follow.
    await open({ deregistration: 4000, transit: 4000, longestDrain: 20_000 })
    expect(await ask('GET', '/thing', balancer)).toEqual({ status: 200, connection: 'keep-alive' })
    const closed = closeServer(server)
    expect(server.isShuttingDown()).toBe(true)
    expect(await ask('GET', '/thing', balancer)).toEqual({ status: 200, connection: 'close' })
    expect(await ask('POST', '/thing', balancer)).toEqual({ status: 200, connection: 'close' })

    const refused = await until(
      () => ask('GET', '/thing', balancer),
      (answer) => answer?.status !== 200,
    )
    expect(refused).toEqual({ status: 503, connection: 'close' })
    // A write cannot go elsewhere, so it is served as long as there is a listener.
    expect(await statusOf('POST', '/thing', balancer)).toBe(200)
    await closed
    expect(await statusOf('POST', '/thing', balancer)).toBeNull()
  })

  it('A server that shuts down goes on serving a balancer that takes no refused read elsewhere, until its requests stop', async () => {
    const [deregistration, quiet] = [1000, 2000]
    await open({ deregistration, quiet, longestDrain: 10_000 })
    const forwarded = { 'x-forwarded-for': '192.0.2.7' }
    expect(await statusOf('GET', '/thing', forwarded)).toBe(200)
    let isClosed = false
    const closed = closeServer(server).then(() => (isClosed = true))
    const begun = performance.now()
    while (performance.now() - begun < deregistration + 1.5 * quiet)
      expect(await statusOf('GET', '/thing', forwarded)).toBe(200)
    expect(isClosed).toBe(false)
    expect(await statusOf('GET', '/endless', forwarded)).toBe(503)
    await closed
  })

  it('A server that shuts down does not wait for ever for a balancer whose requests never stop', async () => {
    await open()
    const forwarded = { 'x-forwarded-for': '192.0.2.7' }
    await statusOf('GET', '/thing', forwarded)
    const closed = closeServer(server)
    // A request in the very moment of the end may be cut off, because this server no longer waits for the balancer.
    const asked = () =>
      ask('GET', '/thing', forwarded).then(
        () => 'open',
        () => 'open',
      )
    while ((await Promise.race([closed, asked()])) === 'open');
    expect(await statusOf('GET', '/thing', forwarded)).toBeNull()
  })
})

describe('a server that nobody stands in front of', () => {
  it('A server without a balancer closes at once', async () => {
    await open({ deregistration: 60_000 })
    expect(await statusOf('GET', '/thing', { 'x-rollcall-tries-next': '1' })).toBe(200)
    const begun = performance.now()
    await closeServer(server)
    expect(performance.now() - begun).toBeLessThan(20_000)
  })

  it('A server without a balancer finishes the requests under way before it closes', async () => {
    await open()
    const slow = ask('POST', '/slow')
    await until(
      async () => answers.length,
      (count) => count === 1,
    )
    const closed = closeServer(server)
    await until(
      () => statusOf('GET', '/thing'),
      (status) => status === null,
    )
    for (const answer of answers.splice(0)) answer()
    expect(await slow).toEqual({ status: 200, connection: 'close' })
    await closed
  })

  it('A server that closes does not wait for a connection that goes silent after an answer that had begun before', async () => {
    await open()
    const early = net.connect(port, '127.0.0.1')
    const heard: string[] = []
    early.on('data', (data: Buffer) => heard.push(data.toString('latin1')))
    const ended = new Promise((resolve) => early.on('close', resolve))
    early.write('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(
      async () => heard.join(''),
      (text) => text.includes('begun'),
    )
    const closed = closeServer(server)
    await until(
      () => statusOf('GET', '/thing'),
      (status) => status === null,
    )
    for (const answer of answers.splice(0)) answer()
    await closed
    await ended
    expect(heard.join('')).toMatch(/^HTTP\/1\.1 200 OK[^]*begun[^]*ended/)
  })
})

describe('the modes of a shutdown', () => {
  const modes = Object.keys(shutdownTransitions) as ShutdownMode[]
  const allowed = ['serving deregistering', 'deregistering draining', 'serving closing', 'deregistering closing']
  allowed.push('draining closing', 'closing closed')

  it('The modes of a shutdown follow each other only as their table says', () => {
    const taken: string[] = []
    for (const from of modes)
      for (const to of modes) {
        const state = createStateMachine('server', shutdownTransitions, from)
        try {
          state.transitionTo(to)
          taken.push(`${from} ${to}`)
        } catch (error) {
          expect((error as Error).message).toBe(`The server cannot change from ${from} to ${to}.`)
        }
      }
    expect(taken.toSorted()).toEqual(allowed.toSorted())
  })

  it('A server that is closed while it deregisters ends in the mode closed', async () => {
    await open({ deregistration: 300 })
    expect(await statusOf('GET', '/thing', balancer)).toBe(200)
    const drained = server.drain()
    await server.close()
    await drained
    expect(server.isShuttingDown()).toBe(true)
    expect(await statusOf('GET', '/thing', balancer)).toBeNull()
  })

  it('A server that is told twice to drain begins to shut down once', async () => {
    await open({ deregistration: 50, transit: 0, quiet: 0 })
    await statusOf('GET', '/thing', balancer)
    await Promise.all([server.drain(), server.drain()])
    expect(server.isShuttingDown()).toBe(true)
  })
})
