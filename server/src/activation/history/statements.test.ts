import { it } from 'vitest'
import type { ItemFilter } from '@rollcall/shared'
import { expectStatements } from '../../../test/database/statements.ts'
import { countExactly } from '../../db/counting.ts'
import { leadsOfSearch } from '../../leads/search/search.usecases.ts'
import { countByName, findByIndex, matchingItems, readInOrder, scanItems, type ItemsPage } from './item-list.queries.ts'
import { listSessions } from './session-list.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const createdAt = new Date('2026-01-01T00:00:00Z')
const leadIds = { first: '22222222-2222-7222-8222-222222222222', last: '33333333-3333-7333-8333-333333333333' }
const everyField: ItemFilter = { account: 'created', mail: 'failed', reason: 'address_refused', q: 'ada example' }

const page = (filter: ItemFilter): ItemsPage => ({
  sessionId,
  leadsOfSearch: (q, between) => leadsOfSearch(q, createdAt, between),
  filter,
  after: 100,
  limit: 50,
})

it('the statements that list sessions without a filter are those in list_sessions.sql.snap', () =>
  expectStatements('list_sessions', (database) => listSessions(database, { limit: 20, after: null })))

it('the statements that list sessions with every filter after a position are those in list_sessions_filtered.sql.snap', () =>
  expectStatements('list_sessions_filtered', (database) =>
    listSessions(database, {
      active: true,
      status: 'running',
      startedBy: 'staff-1',
      from: '2026-01-01T00:00:00Z',
      to: '2026-02-01T00:00:00Z',
      q: 'ada',
      limit: 20,
      after: ['2026-01-15T00:00:00Z', sessionId],
    }),
  ))

it('the statements that list sessions that are over are those in list_sessions_over.sql.snap', () =>
  expectStatements('list_sessions_over', (database) =>
    listSessions(database, { active: false, limit: 20, after: null }),
  ))

it('the statement that scans items in order is the one in scan_items.sql.snap', () =>
  expectStatements('scan_items', (database) => scanItems(database, page(everyField), 2000)))

it('the statement that finds items by the reason of their outcome is the one in find_items_by_outcome.sql.snap', () =>
  expectStatements('find_items_by_outcome', (database) =>
    findByIndex(database, page({ account: 'existing', mail: 'failed' }), 10_000),
  ))

it('the statement that finds items without an account is the one in find_items_with_pending_account.sql.snap', () =>
  expectStatements('find_items_with_pending_account', (database) =>
    findByIndex(database, page({ account: 'pending' }), 10_000),
  ))

it('the statement that finds items whose mail is pending is the one in find_items_with_pending_mail.sql.snap', () =>
  expectStatements('find_items_with_pending_mail', (database) =>
    findByIndex(database, page({ mail: 'pending' }), 10_000),
  ))

it('the statements that find items by name and outcome are those in find_items_by_name.sql.snap', () =>
  expectStatements('find_items_by_name', (database) => findByIndex(database, page(everyField), 10_000), [leadIds]))

it('the statements that count items by name are those in count_items_by_name.sql.snap', () =>
  expectStatements('count_items_by_name', (database) => countByName(database, page({ q: '田中' }), 10_000), [leadIds]))

it('the statement that reads the items of an export is the one in read_items_in_order.sql.snap', () =>
  expectStatements('read_items_in_order', (database) => readInOrder(database, page(everyField))))

it('the statement that counts the items that a filter leaves is the one in count_matching_items.sql.snap', () =>
  expectStatements('count_matching_items', (database) =>
    countExactly(database, matchingItems(sessionId, { mail: 'unconfirmed' })),
  ))
