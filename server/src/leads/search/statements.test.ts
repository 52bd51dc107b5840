import { it } from 'vitest'
import type { LeadFilter, LeadSort } from '@rollcall/shared'
import { expectStatement, expectStatements } from '../../../test/database/statements.ts'
import { countExactly } from '../../db/counting.ts'
import type { Position } from '../../db/keyset-paging.ts'
import {
  findLeadsByIndex,
  hasFieldsMoreSelectiveThanWords,
  leadsNamedSince,
  leadsRenamedSince,
  matchingLeads,
  scanLeadsInOrder,
  type LeadsPart,
} from './search.queries.ts'

const id = '22222222-2222-7222-8222-222222222222'
const since = '2026-01-01T00:00:00.000Z'
const everyField: LeadFilter = { q: 'ada 田中 x', status: 'invited', source: 'Fair', owner: 'Grace', importId: id }

const part = (filter: LeadFilter, sort: LeadSort, after: Position | null = null): LeadsPart => ({
  filter,
  sort,
  limit: 101,
  after,
})

it('the statement that scans all leads in the order of time is the one in scan_leads_by_time.sql.snap', () =>
  expectStatements('scan_leads_by_time', (database) =>
    scanLeadsInOrder(database, part({}, '-createdAt', [since, id]), 2000),
  ))

it('the statement that scans leads with an account in the order of time is the one in scan_leads_with_account.sql.snap', () =>
  expectStatements('scan_leads_with_account', (database) =>
    scanLeadsInOrder(database, part({ status: 'active' }, '-createdAt', [since, id]), 2000),
  ))

it('the statement that scans the leads of an owner in the order of time is the one in scan_leads_of_owner.sql.snap', () =>
  expectStatements('scan_leads_of_owner', (database) =>
    scanLeadsInOrder(database, part({ owner: 'Grace', source: 'Fair', q: 'ada' }, 'createdAt'), 2000),
  ))

it('the statement that scans leads in the order of names is the one in scan_leads_by_name.sql.snap', () =>
  expectStatements('scan_leads_by_name', (database) =>
    scanLeadsInOrder(database, part(everyField, 'lastName', ['Lovelace', id]), 2000),
  ))

it('the statement that finds leads by the index of every field is the one in find_leads_by_index.sql.snap', () =>
  expectStatements('find_leads_by_index', (database) =>
    findLeadsByIndex(database, part(everyField, '-createdAt', [since, id]), false),
  ))

it('the statement that finds leads by fields and compares the words is the one in find_leads_by_fields.sql.snap', () =>
  expectStatements('find_leads_by_fields', (database) =>
    findLeadsByIndex(database, part({ owner: 'Grace', q: 'ada' }, 'email', ['ada@example.net']), true),
  ))

it('the statement that finds leads by a long word is the one in find_leads_by_long_word.sql.snap', () =>
  expectStatements('find_leads_by_long_word', (database) =>
    findLeadsByIndex(database, part({ q: 'ada.lovelace@example.net' }, 'company'), false),
  ))

it('the statement that finds leads by a status alone is the one in find_leads_by_status.sql.snap', () =>
  expectStatements('find_leads_by_status', (database) =>
    findLeadsByIndex(database, part({ status: 'active' }, 'email'), false),
  ))

it('the statements that estimate whether fields are more selective than words are those in estimate_selectivity.sql.snap', () =>
  expectStatements('estimate_selectivity', (database) =>
    hasFieldsMoreSelectiveThanWords(database, { owner: 'Grace', q: 'ada' }),
  ))

it('the statement that counts the leads that a filter means is the one in count_matching_leads.sql.snap', () =>
  expectStatements('count_matching_leads', (database) => countExactly(database, matchingLeads(everyField))))

it('the statement that selects leads by a name that they still have is the one in leads_named_since.sql.snap', () =>
  expectStatement('leads_named_since', leadsNamedSince('ada', since, { first: id, last: id })))

it('the statement that selects leads that were renamed is the one in leads_renamed_since.sql.snap', () =>
  expectStatement('leads_renamed_since', leadsRenamedSince(since)))
