import type { Router } from 'vue-router'
import { ApiFailure, call } from '../api/http.ts'
import { useStaffStore } from '../staff/staff.store.ts'
import { createTracker, type Tracker, type TrackerApi } from '../tracker/index.ts'
import type { useNotices } from '../ui/useNotices.ts'

/** The tracker's requests by the app's own calls, so that a 401 of theirs ends the sign-in like any other. */
const api: TrackerApi = {
  async listSessions(query) {
    return (await call('GET /crm/activation/sessions', { query })).items
  },
  async readProgress(sessionId) {
    try {
      return await call('GET /crm/activation/progress/:sessionId', { parameters: { sessionId } })
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 404) return null
      throw error
    }
  },
  async readOptions(sessionId) {
    return (await call('GET /crm/activation/sessions/:sessionId', { parameters: { sessionId } })).options
  },
  runCommand(sessionId, command) {
    const parameters = { sessionId, command }
    return call('POST /crm/activation/sessions/:sessionId/:command', { parameters })
  },
  isSignedIn: () =>
    call('GET /staff/me', {}).then(
      () => true,
      () => false,
    ),
}

/** The tracker of our own app. */
export function createAppTracker(router: Router, notices: ReturnType<typeof useNotices>): Tracker {
  return createTracker({
    api,
    sessionHref: (sessionId) => router.resolve(`/sessions/${sessionId}`).href,
    navigate: (href) => void router.push(href),
    canSteer: () => useStaffStore().may('admin'),
    notify: (title, error) => notices.failed(title, error),
  })
}
