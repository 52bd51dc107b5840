import { setTimeout as wait } from 'node:timers/promises'
import type { Progress } from '@rollcall/shared'
import { newSessionId } from '../app/activation.ts'
import type { Nodes } from './nodes.ts'

/** Clients that send requests all the time, and what they were answered. */
export interface Traffic {
  /** How many answers of each status, with `0` for no answer at all. */
  readonly statuses: Map<number, number>
  /** Every unexpected answer, with its text. */
  readonly complaints: string[]
  /** The addresses of the leads of which a client was told that they were created. */
  readonly created: string[]
  /** The sessions that were started, each with one lead. */
  readonly started: string[]
  /** Sends no further request; resolves when the last answer has arrived. */
  stop(): Promise<void>
}

/** The time between two requests of a client, in milliseconds. */
const pause = 30

/** Starts several clients of the balancer, each of which sends its next request soon after the answer to the last one. */
export function startTraffic({ url, signedIn }: Nodes, sessionId: string): Traffic {
  const statuses = new Map<number, number>()
  const complaints: string[] = []
  const created: string[] = []
  const started: string[] = []
  const stopping = new AbortController()
  let number = 0

  async function ask<Data>(method: string, path: string, body?: unknown): Promise<Data | null> {
    const count = (status: number) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
    try {
      const response = await fetch(url + path, {
        method,
        headers: { ...signedIn, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      count(response.status)
      if (response.ok) return (JSON.parse(text) as { data: Data }).data
      complaints.push(`${method} ${path}: ${response.status} ${text}`)
    } catch (error) {
      count(0)
      complaints.push(`${method} ${path}: ${String((error as Error).cause ?? error)}`)
    }
    return null
  }

  async function client(request: () => Promise<unknown>): Promise<void> {
    while (!stopping.signal.aborted) {
      await request()
      await wait(pause)
    }
  }

  const newEmail = () => `busy.${(number += 1)}@traffic.example`

  async function createLead(): Promise<{ id: string } | undefined> {
    const email = newEmail()
    const data = await ask<{ created: number; leads: { id: string }[] }>('POST', '/crm/leads', { email })
    if (data === null) return undefined
    if (data.created !== 1) complaints.push(`${email} was there before it was created once`)
    created.push(email)
    return data.leads[0]
  }

  async function startSession(): Promise<void> {
    const lead = await createLead()
    if (lead === undefined) return
    const body = { sessionId: newSessionId(), selection: { ids: [lead.id] } }
    const data = await ask<Progress>('POST', '/crm/activation/sessions', body)
    if (data !== null) started.push(data.sessionId)
  }

  const clients = [
    client(() => ask('GET', `/crm/activation/progress/${sessionId}`)),
    client(() => ask('GET', `/crm/activation/sessions/${sessionId}`)),
    client(() => ask('GET', '/crm/leads?limit=50&sort=-createdAt')),
    client(() => ask('POST', '/crm/activation/preview', { selection: { filter: { q: 'busy' } } })),
    client(createLead),
    client(startSession),
  ]
  return {
    statuses,
    complaints,
    created,
    started,
    async stop() {
      stopping.abort()
      await Promise.all(clients)
    },
  }
}
