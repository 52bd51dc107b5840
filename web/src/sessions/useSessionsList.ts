import type { Progress } from '@rollcall/shared'
import { isFinished, sessionStatuses, type SessionStatus } from '@rollcall/shared/statuses'
import { computed, watch } from 'vue'
import { useTrackerStore } from '../app/tracker.store.ts'
import { isNewer } from '../tracker/index.ts'
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
  const tracker = useTrackerStore()
  const list = useListPage<SessionsFilter, Progress>({
    pageSize: 50,
    fields: { q: anyText, status: oneOf(sessionStatuses), startedBy: anyText, from: anyText, to: anyText },
    list: sessionsPageQuery,
    refresh: {
      key: () => sessionsListKey,
      on: () => tracker.tracked.map(({ sessionId, status }) => sessionId + status).join(),
    },
  })

  watch(list.rows, (rows) => {
    for (const row of rows) if (!isFinished(row)) tracker.apply(row)
  })
  const rows = computed(() =>
    list.rows.value.map((row) => {
      const known = tracker.progressOf(row.sessionId)
      return known && isNewer(row, known) ? known : row
    }),
  )
  return { ...list, rows }
}
