import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/app/activation.ts'
import { makeCertificate } from '../../../test/smtp/certificate.ts'
import { startRedis } from '../../../test/cluster/redis.ts'
import type { Bus } from './bus.ts'
import { openRedisBus } from './bus.redis.ts'

const password = 'hunter2/@:%'
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function redisWith(settings: Record<string, string>) {
  const redis = await startRedis(settings)
  closing.push(() => redis.stop())
  return redis
}

function openNode(redisUrl: string, retry = 250) {
  const node = { sessionIds: new Set<string>(), log: '', bus: null as unknown as Bus }
  node.bus = openRedisBus({
    redisUrl,
    logger: pino({ level: 'trace' }, { write: (line: string) => (node.log += line) }),
    onNotification: (sessionIds) => sessionIds.forEach((sessionId) => node.sessionIds.add(sessionId)),
    onMissed: () => undefined,
    timings: { retry, longestRetry: 2000 },
  })
  closing.push(() => node.bus.close())
  return node
}

/** Publishes at one node until the other is notified. */
async function untilDelivered(from: ReturnType<typeof openNode>, to: ReturnType<typeof openNode>, sessionId: string) {
  await until(
    async () => {
      from.bus.publish([sessionId], false)
      return to.sessionIds.has(sessionId)
    },
    (delivered) => delivered,
  )
}

describe('a Redis with a password', () => {
  it('a bus signs in to Redis with the password of its address, also as a user who may do little else', async () => {
    const redis = await redisWith({ requirepass: password })
    const few = ['&rollcall:*', '+publish', '+subscribe', '+ping']
    await redis.ask(['ACL', 'SETUSER', 'ada', 'on', `>${password}`, ...few], password)
    const secret = encodeURIComponent(password)
    const node = openNode(redis.url.replace('//', `//:${secret}@`))
    await untilDelivered(node, node, 'a')
    const another = openNode(redis.url.replace('//', `//ada:${secret}@`))
    await untilDelivered(another, node, 'b')
  })

  it('a Redis that refuses the password is logged once, without password and address', async () => {
    const redis = await redisWith({ requirepass: 'another one' })
    const node = openNode(redis.url.replace('//', `//:${encodeURIComponent(password)}@`), 10)
    await until(
      async () => node.log,
      (log) => log.includes('WRONGPASS'),
    )
    const refusals = () => redis.ask(['INFO', 'errorstats'], 'another one')
    await until(refusals, (answer) => Number(/errorstat_WRONGPASS:count=(\d+)/.exec(answer)?.[1]) > 4)
    expect(node.log.trim().split('\n')).toHaveLength(1)
    expect(node.log).not.toMatch(/hunter2|redis:\/\//)
  })
})

describe('a Redis with TLS', () => {
  it('a bus connects with TLS where the certificate is trusted, and not where it is not', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-tls-'))
    closing.push(() => rm(folder, { recursive: true }))
    const { certificate, key } = makeCertificate(folder)
    const redis = await redisWith({
      'tls-port': '0',
      'tls-cert-file': certificate,
      'tls-key-file': key,
      'tls-auth-clients': 'no',
    })
    const node = openNode(redis.url.replace('127.0.0.1', 'localhost'))
    await until(
      async () => node.log,
      (log) => /self-signed certificate/i.test(log),
    )
    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, await readFile(certificate, 'utf8')])
    closing.push(() => setDefaultCACertificates(trusted))
    await untilDelivered(node, node, 'a')
  })
})

describe('installations that share a Redis', () => {
  it('installations that share a Redis are notified only of their own sessions where the numbers of their databases differ', async () => {
    const redis = await redisWith({})
    const [none, zero, one] = [openNode(redis.url), openNode(`${redis.url}/0`), openNode(`${redis.url}/1`)]
    await untilDelivered(none, zero, 'first')
    await untilDelivered(one, one, 'second')
    await untilDelivered(zero, none, 'third')
    expect([...one.sessionIds]).toEqual(['second'])
    expect(zero.sessionIds).not.toContain('second')
  })
})
