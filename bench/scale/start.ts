import { setTimeout as wait } from 'node:timers/promises'
import type { Preview, Progress } from '@rollcall/shared'
import { percentile } from '../support/rounds.ts'
import type { Bench } from './bench.ts'

/** Measures the preview and the start of sessions by filter, and how long other requests take meanwhile. The sessions are scheduled, so that no worker begins. */
export async function benchStart({ rollcall, client, say, processorTime }: Bench): Promise<void> {
  const { rows } = await client.query<{ source: string }>(
    `SELECT source FROM leads WHERE source > '' GROUP BY source ORDER BY abs(count(*) - 100000) LIMIT 1`,
  )
  const startAt = new Date(Date.now() + 30 * 86_400_000).toISOString()
  for (const filter of [{ source: rows[0]?.source }, {}]) {
    const selection = { filter }
    const timed = async <Answer>(what: string, ask: () => Promise<Answer>, told: (answer: Answer) => string) => {
      const others = disturb(rollcall)
      const used = processorTime()
      const begun = performance.now()
      const answer = await ask()
      const seconds = (performance.now() - begun) / 1000
      const processors = (processorTime() - used) / 1000
      say(
        `${what} of ${told(answer)}: ${seconds.toFixed(2)} s (${processors.toFixed(2)} s of processors); others meanwhile: ${await others()}`,
      )
      return answer
    }
    await timed(
      'preview',
      () => rollcall.call<Preview>('POST', '/crm/activation/preview', { selection }),
      ({ total }) => `${total} leads`,
    )
    // The jobs of the chunks wait for the start time, so only the answer to the POST is measured, after which all items are stored.
    const scheduled = await timed(
      'start at a later time',
      () => rollcall.call<Progress>('POST', '/crm/activation/sessions', { selection, options: { startAt } }),
      ({ total }) => `${total} items`,
    )
    await rollcall.call('POST', `/crm/activation/sessions/${scheduled.sessionId}/pause`)
    const delayed = await timed(
      'start now, mails later',
      () => rollcall.call<Progress>('POST', '/crm/activation/sessions', { selection, options: { delaySeconds: 3600 } }),
      ({ total }) => `${total} items, with a job for each chunk`,
    )
    await rollcall.call('POST', `/crm/activation/sessions/${delayed.sessionId}/pause`)
  }
}

/** Requests leads and progress all the time. The function that it returns stops this and resolves to how long the requests took. */
function disturb(rollcall: Bench['rollcall']): () => Promise<string> {
  const done = new AbortController()
  const times: Record<string, number[]> = { leads: [], history: [] }
  const ask = async (name: string, address: string) => {
    while (!done.signal.aborted) {
      const begun = performance.now()
      await rollcall.call('GET', address)
      times[name]?.push(performance.now() - begun)
      await wait(20)
    }
  }
  const asking = Promise.all([ask('leads', '/crm/leads?q=smith'), ask('history', '/crm/activation/sessions?limit=20')])
  return async () => {
    done.abort()
    await asking
    return Object.entries(times)
      .map(
        ([name, each]) => `${name} p50 ${percentile(each, 0.5).toFixed(0)} p99 ${percentile(each, 0.99).toFixed(0)} ms`,
      )
      .join(', ')
  }
}
