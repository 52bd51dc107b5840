import type { Progress } from '@rollcall/shared'
import { isFinished } from '@rollcall/shared/statuses'
import { percentOfAll } from '../tracker/percent.ts'
import { words } from '../words/index.ts'

/** The title of the tab: the page, and how far the sessions that run have come, so that it can be read in the tab bar. */
export function titleOf(page: string | undefined, running: readonly Progress[]): string {
  const share = percentOfAll(running.filter((session) => !isFinished(session)))
  const name = page ? words.app.title(page) : words.app.name
  return share === null ? name : words.app.titleWithShare(name, share)
}
