import type { Progress } from '@rollcall/shared'
import { sessionStatuses, type SessionStatus } from '@rollcall/shared/statuses'
import { computed, watch } from 'vue'
import { newer } from '../tracker/newer.ts'
import { isOver } from '../tracker/percent.ts'
import { useProgressStore } from '../tracker/tracker.ts'
import { anyText, oneOf } from '../ui/useAddressFilter.ts'
import { useListPage } from '../ui/useListPage.ts'
import { sessionsListKey, sessionsPageQuery } from './sessions.queries.ts'

/** What sessions are filtered by; days are the instants at which they begin and end where the reader is. */
export interface SessionsFilter {
  q?: string
  status?: SessionStatus
  startedBy?: string
  from?: string
  to?: string
}

/** The list of sessions, with numbers that are never older than what the tracker knows of the same session. */
export function useSessionsList() {
  const progress = useProgressStore()
  const list = useListPage<SessionsFilter, Progress>({
    pageSize: 50,
    fields: { q: anyText, status: oneOf(sessionStatuses), startedBy: anyText, from: anyText, to: anyText },
    list: sessionsPageQuery,
    refresh: {
      key: () => sessionsListKey,
      on: () => progress.tracked.map((session) => session.sessionId + session.progress.status).join(),
    },
  })

  watch(list.rows, (rows) => {
    for (const row of rows) if (!isOver(row)) progress.apply(row, 'answer')
  })
  const rows = computed(() =>
    list.rows.value.map((row) => {
      const known = progress.sessions.get(row.sessionId)?.progress
      return known && newer(row, known) ? known : row
    }),
  )
  return { ...list, rows }
}
