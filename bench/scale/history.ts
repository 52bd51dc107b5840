import type { CountedList, Item, Progress, List } from '@rollcall/shared'
import type { Bench } from './bench.ts'
import { largestSession, largeSession } from './seed.ts'
import { kindsTable, measureKinds, type Kind } from './timing.ts'

/** Measures the history, one session, and the items of a large session with filters: first pages and second pages. */
export async function benchHistory({ rollcall, client, say, ...measuring }: Bench): Promise<void> {
  const sessions = '/crm/activation/sessions'
  const { rows: people } = await client.query<{ email: string; last_name: string }>(
    `SELECT email, last_name FROM items WHERE session_id = $1 AND position % 997 = 3 LIMIT 200`,
    [largestSession],
  )
  let turn = 0
  const person = () => people[(turn += 1) % people.length] as (typeof people)[number]
  const list = (name: string, address: () => string): Kind => ({
    name,
    async *requests() {
      const first = address()
      let cursor: string | null = null
      yield async () => {
        cursor = (await rollcall.call<Partial<List<Progress> | CountedList<Item>>>('GET', first)).nextCursor ?? null
      }
      const next = cursor === null ? null : `${first}${first.includes('?') ? '&' : '?'}cursor=${cursor as string}`
      if (next !== null) yield async () => void (await rollcall.call('GET', next))
    },
  })
  const history: Record<string, () => string> = {
    'the newest': () => '',
    active: () => '?active=true',
    'over, completed': () => '?status=completed',
    'of one person': () => `?startedBy=staff-${(turn += 1) % 40}`,
    'of some days': () => '?from=2026-02-01T00:00:00Z&to=2026-02-04T00:00:00Z',
    'search for a name': () => '?q=lovelace',
    'search for an id': () => `?q=benchsession${1000 + ((turn += 1) % 8000)}`,
    'search, no hit': () => '?q=xyzzy',
  }
  const filters: Record<string, () => string> = {
    none: () => '',
    'mail=sent': () => '?mail=sent',
    'mail=failed': () => '?mail=failed',
    'mail=unconfirmed': () => '?mail=unconfirmed',
    'mail=pending': () => '?mail=pending',
    'mail=cancelled': () => '?mail=cancelled',
    'account=created': () => '?account=created',
    'account=failed': () => '?account=failed',
    'reason=mailbox_full': () => '?reason=mailbox_full',
    'account, mail and reason': () => '?account=created&mail=failed&reason=gave_up',
    'a whole address': () => `?q=${encodeURIComponent(person().email)}`,
    'a last name': () => `?q=${encodeURIComponent(person().last_name.slice(0, 100))}`,
    'a common search': () => '?q=example',
    'a search, no hit': () => '?q=xyzzy',
  }
  const kinds = [
    ...Object.entries(history).map(([name, query]) => list(`history: ${name}`, () => `${sessions}${query()}`)),
    list('one session', () => `${sessions}/${largestSession}`),
    list('its snapshots', () => `${sessions}/${largestSession}/snapshots?limit=100`),
    ...[largeSession, largestSession].flatMap((id, index) =>
      Object.entries(filters).map(([name, query]) =>
        list(`items of ${index === 0 ? '100,000' : '1,000,000'}: ${name}`, () => `${sessions}/${id}/items${query()}`),
      ),
    ),
  ]
  kindsTable(await measureKinds(kinds, { ...measuring, clients: 1 }), say)
}
