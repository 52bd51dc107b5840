import { leadSorts, type CountedList, type Lead } from '@rollcall/shared'
import type { Bench } from './bench.ts'
import { kindsTable, measureKinds, shuffled, type Kind } from './timing.ts'

/** Measures lists of leads with searches and filters of every kind: first pages and second pages. */
export async function benchLeads({ rollcall, client, say, ...measuring }: Bench): Promise<void> {
  const sample = await client.query<Lead & { number: number }>(
    `SELECT email, first_name AS "firstName", last_name AS "lastName", company, source, owner FROM leads TABLESAMPLE system (0.05) WHERE last_name > '' LIMIT 400`,
  )
  const leads = shuffled(sample.rows)
  let turn = 0
  const lead = () => leads[(turn += 1) % leads.length] as Lead
  const oneOf = (words: string[]) => () => words[(turn += 1) % words.length] as string
  const searches: Record<string, () => string> = {
    'no search': () => '',
    'a whole address': () => lead().email,
    'a piece of an address': () => lead().email.slice(0, 7),
    'first and last name': () => `${lead().firstName} ${lead().lastName}`.slice(0, 100),
    'a last name': () => lead().lastName.slice(0, 100),
    'a company': () => lead().company.slice(0, 40),
    'common: a third to all': oneOf(['example', 'firma', 'mail', 'an', 'er', 'com', 'crm']),
    'one letter': oneOf('a e q x z k w 7'.split(' ')),
    'two letters': oneOf(['an', 'zq', 'sb', 'xq', 'li', 'bo', 'wd', 'qu', 'hx', 'yj']),
    'one character of Chinese': oneOf('田 李 王 小 美 池'.split(' ')),
    'two characters of Chinese': oneOf(['田中', '小池', '佐藤', '王伟', '高橋', '天地']),
    'misspelt, no hit': oneOf(['smiht', 'exmaple', 'xyzzy', 'joohn', 'gmial.com', 'qwertz uiop']),
  }
  const filters: Record<string, () => string> = {
    '': () => '',
    status: () => `&status=${oneOf(['new', 'invited', 'active'])()}`,
    'source and owner': () => {
      const { source, owner } = lead()
      return `${source ? `&source=${encodeURIComponent(source)}` : ''}${owner ? `&owner=${encodeURIComponent(owner)}` : ''}`
    },
  }
  const totals = new Map<string, number>()
  const kinds = Object.entries(searches).flatMap(([search, q]) =>
    Object.entries(filters).map(([filter, narrowed]): Kind => {
      const name = filter === '' ? search : `${search} + ${filter}`
      return {
        name,
        async *requests() {
          const sort = leadSorts[(turn += 1) % leadSorts.length]
          const address = `/crm/leads?q=${encodeURIComponent(q())}${narrowed()}&sort=${sort}`
          let cursor: string | null = null
          yield async () => {
            const page = await rollcall.call<CountedList<Lead>>('GET', address)
            if (!page.totalIsExact) totals.set(name, (totals.get(name) ?? 0) + 1)
            cursor = page.nextCursor
          }
          if (cursor !== null)
            yield async () => {
              await rollcall.call('GET', `${address}&cursor=${encodeURIComponent(cursor as unknown as string)}`)
            }
        },
      }
    }),
  )
  for (const clients of [1, 4]) {
    const measured = await measureKinds(kinds, { ...measuring, clients })
    say(`leads, ${clients === 1 ? 'one request at a time' : `${clients} requests at a time`}`)
    kindsTable(measured, say)
  }
  say(`totals that were estimates: ${[...totals].map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`)
  const counts: Kind = {
    name: 'exact total of a common search',
    async *requests() {
      const q = oneOf(['example', 'an', 'a', 'com', ''])()
      yield async () => void (await rollcall.call('GET', `/crm/leads/count?q=${q}`))
    },
  }
  kindsTable(await measureKinds([counts], { ...measuring, clients: 1 }), say)
}
