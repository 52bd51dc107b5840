import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { DomainError } from '../errors.ts'
import type { Server } from './server-type.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its answers never end by themselves: a WebSocket, a stream of events. */
    endless?: boolean
  }
  interface FastifyInstance {
    /** True from the moment in which this process began to leave. */
    isWithdrawing: () => boolean
    /** Says that this process is about to leave, and resolves when no balancer sends it anything any more. */
    withdraw: () => Promise<void>
  }
}

/** A balancer sends it along that takes a read which is answered 503 to another node, and leaves this one alone then. */
const triesNextHeader = 'x-rollcall-tries-next'

/** In milliseconds. */
export interface WithdrawalTimings {
  /**
   * How long everything is served as before while `/health/ready` says 503: longer than a balancer takes to look, and
   * longer than it leaves alone a node that came back a moment ago (`fail_timeout` in deploy/nginx.conf).
   */
  announce: number
  /** What was on its way when the balancer was told has arrived after this. Shorter than `fail_timeout`. */
  settle: number
  /** Without a request for so long, nobody sends any. */
  quiet: number
  /** After the announcement, so long at most is waited for the requests to end. */
  longest: number
}
export const withdrawalTimings: WithdrawalTimings = { announce: 4000, settle: 200, quiet: 1000, longest: 10_000 }

/**
 * Lets a server leave without a request that is lost. A listener that closes resets whatever stands in its queue, and a
 * balancer may not send a write a second time; so the balancer is made to look elsewhere first. Where no request ever
 * came through one, nothing is waited for. To be called before any route is there.
 */
export function prepareWithdrawal(server: Server, timings: WithdrawalTimings): void {
  let behindBalancer = false
  let withdrawing = false
  let refusing = false
  let requestAt = 0
  let refusedAt: number | null = null

  server.addHook('onRequest', async (request, reply) => {
    if (isProbe(request)) return
    requestAt = performance.now()
    behindBalancer ||= isForwarded(request)
    if (!refusing) return
    const { endless = false } = request.routeOptions.config
    const goesElsewhere = isRead(request) && request.headers[triesNextHeader] !== undefined
    if (!goesElsewhere && !endless) return
    // The balancer has one memory for what is endless and another one for the rest, writes among it.
    if (!endless) refusedAt ??= performance.now()
    void reply.header('retry-after', '1')
    throw new DomainError('UNAVAILABLE', 'This process is stopping; ask again in a second.')
  })
  server.addHook('onSend', async (_request, reply) => {
    if (withdrawing) void reply.header('connection', 'close')
  })
  // What never ends by itself must not begin any more.
  server.addHook('preClose', async () => {
    withdrawing = true
    refusing = true
  })

  const isLeftAlone = (since: number) => {
    const now = performance.now()
    return refusedAt === null ? now - Math.max(requestAt, since) >= timings.quiet : now - refusedAt >= timings.settle
  }

  server.decorate('isWithdrawing', () => withdrawing)
  server.decorate('withdraw', async () => {
    withdrawing = true
    if (!behindBalancer) return
    await wait(timings.announce)
    refusing = true
    const since = performance.now()
    while (!isLeftAlone(since) && performance.now() - since < timings.longest) await wait(20)
  })
}

/**
 * Ends a server without cutting anybody off: withdraws, stops listening, ends what never ends by itself, and resolves
 * when the requests that were under way are answered.
 */
export async function closeServer(server: Server): Promise<void> {
  await server.withdraw()
  const answered = new Promise<void>((resolve) => server.server.close(() => resolve()))
  // A connection whose answer had begun before goes on as idle after it.
  const sweep = setInterval(() => server.server.closeIdleConnections(), 200)
  try {
    await server.close()
    await answered
  } finally {
    clearInterval(sweep)
  }
}

/** Those who look after processes come directly and are always answered. */
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
