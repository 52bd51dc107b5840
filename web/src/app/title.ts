import type { Progress } from '@rollcall/shared'
import { isOver, percentOfAll } from '../tracker/percent.ts'

/** The title of the tab: the page, and how far the sessions that run have come, so that it can be read in the tab bar. */
export function titleOf(page: string, running: readonly Progress[]): string {
  const share = percentOfAll(running.filter((session) => !isOver(session)))
  const name = page ? `${page} · Rollcall` : 'Rollcall'
  return share === null ? name : `(${share}%) ${name}`
}
