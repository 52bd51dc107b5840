import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { DomainError } from '../errors.ts'
import { periodicTask } from '../util/periodic-task.ts'
import { createStateMachine, type Transitions } from '../util/state-machine.ts'
import type { Server } from './server-type.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True for a route whose answers never end by themselves, such as a WebSocket or a stream of events. */
    endless?: boolean
  }
  interface FastifyInstance {
    /** True from the moment in which this process begins to shut down. */
    isShuttingDown: () => boolean
    /** Begins to shut down, and resolves when no balancer sends this process a request any more. The server still listens. */
    drain: () => Promise<void>
  }
}

/**
 * - `serving`: everything is served, and `/health/ready` says so.
 * - `deregistering`: everything is served as before while `/health/ready` says 503, so that a balancer that asks for it can act.
 * - `draining`: reads that the balancer can take to another node, and answers that would never end, are refused with 503.
 * - `closing`: the server does not listen any more, and the requests under way are finished.
 */
export type ShutdownMode = 'serving' | 'deregistering' | 'draining' | 'closing' | 'closed'

/** A server may be closed in any mode; only one behind a balancer is drained. */
export const shutdownTransitions: Transitions<ShutdownMode> = {
  serving: ['deregistering', 'closing'],
  deregistering: ['draining', 'closing'],
  draining: ['closing'],
  closing: ['closed'],
  closed: [],
}

/** A balancer sends this header with a read that it takes to another node when this one answers 503. It then avoids this node for a while. */
const triesNextHeader = 'x-rollcall-tries-next'

/** The times of a shutdown, in milliseconds. */
export interface ShutdownTimings {
  /**
   * The time in `deregistering`. It must be longer than a balancer takes between two looks at `/health/ready`, and longer than
   * a balancer avoids another node that has just come back (`fail_timeout` in deploy/nginx.conf).
   */
  deregistration: number
  /** The time after the first refused read in which requests that were on their way arrive. Shorter than `fail_timeout`. */
  transit: number
  /** The time without a request after which the server assumes that nobody sends more. */
  quiet: number
  /** The longest time in `draining`. */
  longestDrain: number
}
export const shutdownTimings: ShutdownTimings = {
  deregistration: 4000,
  transit: 200,
  quiet: 1000,
  longestDrain: 10_000,
}

/**
 * Lets a server shut down without losing a request. A listener that closes resets the connections in its queue, and a
 * balancer may not send a write a second time, so the balancer is made to avoid this node first. Where no request ever came
 * through a balancer, nothing is waited for. Must be called before any route is registered.
 */
export function prepareShutdown(server: Server, timings: ShutdownTimings): void {
  const state = createStateMachine('server', shutdownTransitions, 'serving')
  let isBehindBalancer = false
  let lastRequestAt = 0
  let firstRefusalAt: number | null = null

  server.addHook('onRequest', async (request, reply) => {
    if (isProbe(request)) return
    lastRequestAt = performance.now()
    isBehindBalancer ||= isForwarded(request)
    if (state.is('serving', 'deregistering')) return
    const { endless = false } = request.routeOptions.config
    const goesElsewhere = isRead(request) && request.headers[triesNextHeader] !== undefined
    if (!goesElsewhere && !endless) return
    // The balancer remembers endless answers and all others (writes included) separately.
    if (!endless) firstRefusalAt ??= performance.now()
    void reply.header('retry-after', '1')
    throw new DomainError('UNAVAILABLE', 'This process is stopping; ask again in a second.')
  })
  server.addHook('onSend', async (_request, reply) => {
    if (!state.is('serving')) void reply.header('connection', 'close')
  })
  server.addHook('preClose', async () => state.transitionTo('closing'))
  server.addHook('onClose', async () => {
    if (state.is('closing')) state.transitionTo('closed')
  })

  function isAvoided(drainingSince: number): boolean {
    const now = performance.now()
    if (firstRefusalAt !== null) return now - firstRefusalAt >= timings.transit
    return now - Math.max(lastRequestAt, drainingSince) >= timings.quiet
  }

  server.decorate('isShuttingDown', () => !state.is('serving'))
  server.decorate('drain', async () => {
    if (!state.is('serving')) return
    state.transitionTo('deregistering')
    if (!isBehindBalancer) return
    await wait(timings.deregistration)
    // The server may have been closed meanwhile.
    if (!state.is('deregistering')) return
    state.transitionTo('draining')
    const since = performance.now()
    while (state.is('draining') && !isAvoided(since) && performance.now() - since < timings.longestDrain) await wait(20)
  })
}

/**
 * Ends a server without cutting anybody off: drains it, stops listening, ends what never ends by itself, and resolves when
 * the requests under way are answered.
 */
export async function closeServer(server: Server): Promise<void> {
  await server.drain()
  const answered = new Promise<void>((resolve) => server.server.close(() => resolve()))
  // A connection whose answer had begun before the server closed becomes idle after its end, and nobody else closes it then.
  const idleConnections = periodicTask({ name: 'closing idle connections', interval: 200, logger: server.log }, () =>
    server.server.closeIdleConnections(),
  )
  try {
    await server.close()
    await answered
  } finally {
    await idleConnections.close()
  }
}

/** True for the requests of programs that look after this process. They come directly and are always answered. */
function isProbe(request: FastifyRequest): boolean {
  return /^\/(health\/|metrics$)/.test(request.url)
}

/** True when the request came through a proxy that is trusted. */
function isForwarded(request: FastifyRequest): boolean {
  return request.headers['x-forwarded-for'] !== undefined && (request.ips?.length ?? 0) > 1
}

function isRead(request: FastifyRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD'
}
