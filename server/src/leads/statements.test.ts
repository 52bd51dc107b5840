import { it } from 'vitest'
import { expectStatements } from '../../test/database/statements.ts'
import { distinctValues, leadById, leadsByKey, upsertLeads } from './leads.queries.ts'

const id = '22222222-2222-7222-8222-222222222222'
const lead = {
  email: 'Ada@Example.net',
  emailKey: 'ada@example.net',
  firstName: 'Ada',
  lastName: 'Lovelace',
  company: 'Engines',
  phone: '',
  source: 'Fair',
  owner: 'Grace',
  stage: '',
  notes: '',
}

it('the statement that reads a lead by its id is the one in lead_by_id.sql.snap', () =>
  expectStatements('lead_by_id', (database) => leadById(database, id)))

it('the statement that reads leads by their keys is the one in leads_by_key.sql.snap', () =>
  expectStatements('leads_by_key', (database) => leadsByKey(database, [lead.emailKey])))

it('the statement that reads the distinct values of a column is the one in distinct_values.sql.snap', () =>
  expectStatements('distinct_values', (database) => distinctValues(database, 'source', 100)))

it('the statement that stores leads and updates those that are known is the one in upsert_leads.sql.snap', () =>
  expectStatements('upsert_leads', (database) => upsertLeads(database, [lead], id, [lead.emailKey])))
