import type { LeadFilter, Selection } from '@rollcall/shared'

/** Which leads are chosen: some rows, or everything that a filter matches but some rows. Never changed, only replaced. */
export type Chosen =
  | { kind: 'rows'; ids: ReadonlySet<string> }
  | { kind: 'filter'; filter: LeadFilter; except: ReadonlySet<string>; total: number }

/** The contract takes at most this many ids in one selection. */
export const idsAtMost = 10_000

export const nothing: Chosen = { kind: 'rows', ids: new Set() }

/** Everything the filter matches; `total` is how many that are now. */
export function everything(filter: LeadFilter, total: number): Chosen {
  return { kind: 'filter', filter, except: new Set(), total }
}

export function isChosen(chosen: Chosen, id: string): boolean {
  return chosen.kind === 'rows' ? chosen.ids.has(id) : !chosen.except.has(id)
}

/** The selection with these rows chosen, or not. */
export function choose(chosen: Chosen, ids: readonly string[], wanted: boolean): Chosen {
  if (chosen.kind === 'rows') return { kind: 'rows', ids: changed(chosen.ids, ids, wanted) }
  return { ...chosen, except: changed(chosen.except, ids, !wanted) }
}

function changed(set: ReadonlySet<string>, ids: readonly string[], isMember: boolean): ReadonlySet<string> {
  const next = new Set(set)
  for (const id of ids) {
    if (isMember) next.add(id)
    else next.delete(id)
  }
  return next
}

/** How many leads are chosen. */
export function countChosen(chosen: Chosen): number {
  return chosen.kind === 'rows' ? chosen.ids.size : Math.max(0, chosen.total - chosen.except.size)
}

/** True when the selection names more rows than the contract takes in one request. */
export function isTooLong(chosen: Chosen): boolean {
  return (chosen.kind === 'rows' ? chosen.ids.size : chosen.except.size) > idsAtMost
}

/** The selection as the contract writes it. */
export function toSelection(chosen: Chosen): Selection {
  if (chosen.kind === 'rows') return { ids: [...chosen.ids] }
  return { filter: chosen.filter, ...(chosen.except.size > 0 ? { except: [...chosen.except] } : {}) }
}

/** Whether all, some or none of these rows are chosen. */
export function shareChosen(chosen: Chosen, ids: readonly string[]): 'all' | 'some' | 'none' {
  const count = ids.filter((id) => isChosen(chosen, id)).length
  if (count === 0) return 'none'
  return count === ids.length ? 'all' : 'some'
}
