/** What can become of an item's account, in the order in which a progress names it. */
export const accountOutcomes = ['created', 'existing', 'failed', 'cancelled'] as const
/** What can become of an item's mail, in the order in which a progress names it. */
export const mailOutcomes = ['sent', 'failed', 'unconfirmed', 'skipped', 'cancelled'] as const

/**
 * The counters of a session: for each of an item's two outcomes, the states that a progress counts. The two lists above are
 * the only ones: the states of items, the fields of a progress, columns, sums and recounts are derived from them.
 */
export const counterTable = {
  accounts: [...accountOutcomes, 'pending'],
  mails: [...mailOutcomes, 'pending'],
} as const

/** The states of a mail that has no outcome yet; a mail that is `sending` counts as pending. */
export const pendingMailStates = ['pending', 'sending'] as const

/** The outcome of an item that a counter belongs to, and the field of a progress. */
export type CountedOutcome = keyof typeof counterTable
export type AccountCount = (typeof counterTable)['accounts'][number]
export type MailCount = (typeof counterTable)['mails'][number]
/** The column of a counter in the tables `sessions` and `snapshots`. */
export type CounterColumn = `accounts_${AccountCount}` | `mails_${MailCount}`
/** The name of a counter in code, also for the difference by which it changes. */
export type CounterKey = `accounts${Capitalize<AccountCount>}` | `mails${Capitalize<MailCount>}`

export interface Counter {
  outcome: CountedOutcome
  state: AccountCount | MailCount
  column: CounterColumn
  key: CounterKey
  /** The states of the items that it counts. A mail in the state `sending` counts as pending. */
  itemStates: readonly string[]
}

/** Every counter, in the order in which screens show them. */
export const counters: readonly Counter[] = [
  ...counterTable.accounts.map((state) => counterOf('accounts', state)),
  ...counterTable.mails.map((state) => counterOf('mails', state)),
]

/** The counters that an outcome changes. The pending ones follow from them: they are the rest of the total. */
export const movedCounters = counters.filter(({ state }) => state !== 'pending')
export type MovedColumn = Exclude<CounterColumn, `${string}_pending`>
export type MovedKey = Exclude<CounterKey, `${string}Pending`>

function counterOf(outcome: CountedOutcome, state: AccountCount | MailCount): Counter {
  return {
    outcome,
    state,
    column: `${outcome}_${state}` as CounterColumn,
    key: `${outcome}${state[0]!.toUpperCase()}${state.slice(1)}` as CounterKey,
    itemStates: outcome === 'mails' && state === 'pending' ? pendingMailStates : [state],
  }
}
