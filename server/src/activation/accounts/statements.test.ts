import { it } from 'vitest'
import { expectPreparedStatement } from '../../../test/database/statements.ts'
import './accounts.queries.ts'

it('the statement that makes the accounts of a chunk is the one in make_accounts.sql.snap', () =>
  expectPreparedStatement('make_accounts'))

it('the statement that stores that all accounts of a chunk were created is the one in store_all_created.sql.snap', () =>
  expectPreparedStatement('store_all_created'))

it('the statement that reads the items whose account is not known is the one in items_without_account.sql.snap', () =>
  expectPreparedStatement('items_without_account'))

it('the statement that stores what became of the accounts of a chunk is the one in store_account_outcomes.sql.snap', () =>
  expectPreparedStatement('store_account_outcomes'))
