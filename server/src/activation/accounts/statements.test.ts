import { describe, it } from 'vitest'
import { expectPreparedStatement } from '../../../test/database/statements.ts'
import './accounts.queries.ts'

describe('the whole text of a statement about the accounts of a chunk', () => {
  it.each(['make_accounts', 'store_all_created', 'items_without_account', 'store_account_outcomes'])(
    'is the one that was committed for %s',
    async (name) => {
      await expectPreparedStatement(name)
    },
  )
})
