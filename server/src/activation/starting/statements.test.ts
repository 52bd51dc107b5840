import { it } from 'vitest'
import { expectStatements } from '../../../test/database/statements.ts'
import { countSelection, sampleSelection } from './selection.queries.ts'
import { selectedLeads } from './selection.usecases.ts'
import { insertItems, insertSession, storeFirstProgress } from './start.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const now = new Date('2026-01-01T00:00:00Z')
const leadId = '22222222-2222-7222-8222-222222222222'
const byFilter = selectedLeads({ filter: { q: 'ada', source: 'Fair' }, except: [leadId] })
const byIds = selectedLeads({ ids: [leadId] })

it('the statements that count a selection of few leads are those in count_selection_of_few.sql.snap', () =>
  expectStatements('count_selection_of_few', (database) => countSelection(database, byFilter, now), [
    { total: 10_000 },
  ]))

it('the statements that count a selection of many leads are those in count_selection_of_many.sql.snap', () =>
  expectStatements('count_selection_of_many', (database) => countSelection(database, byFilter, now), [
    { total: 10_001 },
  ]))

it('the statement that reads the first leads of a selection is the one in sample_selection.sql.snap', () =>
  expectStatements('sample_selection', (database) => sampleSelection(database, byFilter)))

it('the statement that stores a session without items is the one in insert_session.sql.snap', () =>
  expectStatements('insert_session', (database) =>
    insertSession(database, {
      id: sessionId,
      status: 'queued',
      selection: { ids: [leadId] },
      options: {},
      requestDigest: 'digest',
      template: { subject: 'Welcome' } as never,
      startedBy: { id: 'staff-1', name: 'Ada' },
      mailNotBefore: null,
      canary: 10,
      failureShare: 0.2,
      now,
    }),
  ))

it('the statements that store items and chunks of leads that a filter selects are those in insert_items.sql.snap', () =>
  expectStatements(
    'insert_items',
    (database) => insertItems(database, { sessionId, selected: byFilter, chunkSize: () => 25 }),
    [{ total: 100 }],
  ))

it('the statements that store items and chunks of leads that were picked are those in insert_items_of_ids.sql.snap', () =>
  expectStatements(
    'insert_items_of_ids',
    (database) => insertItems(database, { sessionId, selected: byIds, chunkSize: () => 1 }),
    [{ total: 1 }],
  ))

it('the statement that stores the first progress of a session is the one in store_first_progress.sql.snap', () =>
  expectStatements('store_first_progress', (database) =>
    storeFirstProgress(database, {
      sessionId,
      total: 100,
      actor: { id: 'staff-1', name: 'Ada' },
      now,
      details: { total: 100 },
    }),
  ))
