import type { Failure, List, Progress, SessionDetail, SessionOptions } from '@rollcall/shared'
import type { SessionCommand } from '@rollcall/shared/statuses'

/** The requests that the tracker makes beside the live connection. Each rejects with an Error for a person. */
export interface TrackerApi {
  listSessions(query: { active?: boolean; limit: number }): Promise<Progress[]>
  /** Null when the server knows no such session. */
  readProgress(sessionId: string): Promise<Progress | null>
  readOptions(sessionId: string): Promise<SessionOptions>
  runCommand(sessionId: string, command: SessionCommand): Promise<Progress>
  /** False when nobody is signed in, or when that cannot be found out. */
  isSignedIn(): Promise<boolean>
}

const timeoutMilliseconds = 30_000

/** The requests by fetch, with the cookies that the browser has. `baseUrl` is where Rollcall answers; empty: this origin. */
export function httpApi(baseUrl = ''): TrackerApi {
  async function request(method: 'GET' | 'POST', path: string): Promise<{ status: number; data: unknown }> {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { accept: 'application/json' },
      credentials: 'include',
      signal: AbortSignal.timeout(timeoutMilliseconds),
    })
    const body = (await response.json()) as { success: true; data: unknown } | Failure
    if (body.success) return { status: response.status, data: body.data }
    if (response.status === 404) return { status: 404, data: null }
    throw new Error(body.msg)
  }
  const session = (sessionId: string) => `/crm/activation/sessions/${encodeURIComponent(sessionId)}`

  return {
    async listSessions({ active, limit }) {
      const filter = active === undefined ? '' : `active=${active}&`
      const { data } = await request('GET', `/crm/activation/sessions?${filter}limit=${limit}`)
      return (data as List<Progress>).items
    },
    async readProgress(sessionId) {
      const path = `/crm/activation/progress/${encodeURIComponent(sessionId)}`
      return (await request('GET', path)).data as Progress | null
    },
    async readOptions(sessionId) {
      return ((await request('GET', session(sessionId))).data as SessionDetail).options
    },
    async runCommand(sessionId, command) {
      return (await request('POST', `${session(sessionId)}/${command}`)).data as Progress
    },
    isSignedIn: () =>
      request('GET', '/staff/me').then(
        ({ status }) => status === 200,
        () => false,
      ),
  }
}
