import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { until } from '../app/activation.ts'
import { openWatcher } from '../app/app.ts'
import { password, prepareWebApp } from '../process/rollcall.ts'
import { frontAddress } from './nginx.ts'
import { type Nodes, startNodes } from './nodes.ts'

beforeAll(async () => {
  await prepareWebApp()
}, 180_000)

describe('the balancer of deploy/nginx.conf', () => {
  it('the balancer spreads requests without sticky sessions, passes live connections on unchanged, and is trusted in no header but the ones that nodes need', async () => {
    const nodes = await startNodes()
    await expectBothNodesAsked(nodes)
    await expectLive(nodes)
    await expectForeignPagesRefused(nodes)
    await expectNoMetrics(nodes)
    await expectOwnAddressCounted(nodes)
    await expectFailureWhenAllAreAway(nodes)
    await nodes.stop()
  }, 300_000)
})

const apiPorts = (nodes: Nodes) =>
  (['api-1', 'api-2'] as const).map((name) => Number(new URL(nodes.node(name).url).port))

/** Expects that a person who signed in at one node is known to both, and that both get as many requests. */
async function expectBothNodesAsked(nodes: Nodes): Promise<void> {
  const { url, signedIn, nginx } = nodes
  const before = (await nginx.passed()).length
  for (let count = 0; count < 20; count++)
    expect((await fetch(`${url}/staff/me`, { headers: signedIn })).status).toBe(200)
  // nginx logs a request a moment after its answer.
  const passed = await until(
    async () => (await nginx.passed()).slice(before).filter(({ path }) => path === '/staff/me'),
    ({ length }) => length === 20,
  )
  const counts = apiPorts(nodes).map((port) => passed.filter(({ ports }) => ports.join() === String(port)).length)
  expect(counts).toEqual([10, 10])
}

/** Expects the same progress over a WebSocket and over a stream of server-sent events, without delay. */
async function expectLive(nodes: Nodes): Promise<void> {
  const { url, signedIn, smtp } = nodes
  const seen = Promise.withResolvers<void>()
  let dots = 0
  smtp.script = (command) => (command === 'DOT' && dots++ >= 10 ? { after: seen.promise } : undefined)
  const sessionId = await nodes.startSession(200)
  const socket = await openWatcher(url, signedIn)
  socket.send({ type: 'subscribe', sessionId })
  const stream = await openStream(nodes, sessionId)
  expect(stream.contentType).toContain('text/event-stream')
  // Progress of a running session arrives although the answer has not ended, so nginx does not buffer it.
  const early = await stream.until(({ mails, completed }) => mails.sent > 5 && !completed)
  expect(early.status).toBe('running')
  await socket.progress(sessionId, ({ mails, completed }) => mails.sent > 5 && !completed)
  seen.resolve()
  const end = await socket.progress(sessionId, ({ completed }) => completed)
  expect(await stream.until(({ completed }) => completed)).toEqual(end)
  stream.close()
  socket.close()
}

async function openStream({ url, signedIn }: Nodes, sessionId: string) {
  const closing = new AbortController()
  const response = await fetch(`${url}/crm/activation/progress/${sessionId}/stream`, {
    headers: signedIn,
    signal: closing.signal,
  })
  const seen: Progress[] = []
  let text = ''
  const reading = (async () => {
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + part).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, data] = /^event: progress\ndata: (.*)$/m.exec(block) ?? []
        if (data !== undefined) seen.push(JSON.parse(data) as Progress)
      }
    }
  })()
  return {
    contentType: response.headers.get('content-type'),
    async until(wanted: (progress: Progress) => boolean): Promise<Progress> {
      await until(
        async () => seen.at(-1),
        () => seen.some(wanted),
      )
      return seen.find(wanted)!
    },
    close() {
      reading.catch(() => undefined)
      closing.abort()
    },
  }
}

/** Expects that nodes see `Origin` as the browser sent it: only that of PUBLIC_URL is accepted, not even the node's own address. */
async function expectForeignPagesRefused(nodes: Nodes): Promise<void> {
  const { url, signedIn } = nodes
  for (const origin of ['https://evil.example', nodes.node('api-1').url, url.replace('http:', 'https:')]) {
    const headers = { ...signedIn, origin, 'x-forwarded-host': new URL(origin).host }
    await expect(openWatcher(url, headers)).rejects.toThrow('refused with 403')
    const response = await fetch(`${url}/crm/leads`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ email: `${randomUUID()}@example.com` }),
    })
    expect(response.status).toBe(403)
  }
}

async function expectNoMetrics({ url, node }: Nodes): Promise<void> {
  expect((await fetch(`${url}/metrics`)).status).toBe(404)
  expect(await node('api-1').status('/metrics')).toBe(200)
}

/**
 * Expects that failed sign-ins count, over both nodes, for the address that nginx saw, whatever the client claimed. Only the
 * proxy in front of nginx is believed when it names the client's address.
 */
async function expectOwnAddressCounted({ url }: Nodes): Promise<void> {
  const behindFront = await tryPasswords(url, frontAddress)
  expect(new Set(behindFront)).toEqual(new Set([401]))
  const made = await tryPasswords(url, '127.0.0.3')
  expect(made.filter((status) => status === 401)).toHaveLength(20)
  expect(made.at(-1)).toBe(429)
}

/** Tries 25 wrong passwords from one address of this machine, each time claiming another address; returns the statuses. */
async function tryPasswords(url: string, localAddress: string): Promise<number[]> {
  const statuses: number[] = []
  for (let count = 0; count < 25; count++) {
    const claimed = `192.0.2.${count}`
    const request = http.request(`${url}/api/auth/sign-in/email`, {
      method: 'POST',
      host: '127.0.0.1',
      localAddress,
      headers: {
        origin: url,
        'content-type': 'application/json',
        'x-forwarded-for': claimed,
        forwarded: `for=${claimed}`,
        'x-rollcall-client-address': claimed,
      },
    })
    request.end(JSON.stringify({ email: 'admin@rollcall.localhost', password: `${password}, almost` }))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    statuses.push(response.statusCode ?? 0)
  }
  return statuses
}

async function expectFailureWhenAllAreAway({ url, node, signedIn }: Nodes): Promise<void> {
  for (const name of ['api-1', 'api-2'] as const) {
    const { child, exited } = node(name)
    child.kill('SIGKILL')
    await exited
  }
  for (const method of ['GET', 'POST']) {
    const response = await fetch(`${url}/crm/leads`, { method, headers: signedIn })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(await response.json()).toMatchObject({ success: false, code: 'UNAVAILABLE' })
  }
}
