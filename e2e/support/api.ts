import type { BrowserContext } from 'playwright-core'
import type { NewLead, Progress, Role } from '@rollcall/shared'
import { signInAt } from '../../server/test/app/client.ts'
import { superadmin } from './server.ts'

export interface Staff {
  email: string
  password: string
}

/** The API as one person calls it without a browser. */
export interface Api {
  get<Data>(path: string): Promise<Data>
  post<Data>(path: string, body?: unknown): Promise<Data>
  progress(sessionId: string): Promise<Progress>
}

/** Signs in over the API. Throws with the answer when that is refused. */
export async function openApi(url: string, who: Staff = superadmin): Promise<Api> {
  const cookie = await signInAt(url, who, { origin: url })

  async function ask(path: string, request: RequestInit): Promise<unknown> {
    const response = await fetch(`${url}${path}`, request)
    const text = await response.text()
    if (!response.ok) throw new Error(`${request.method} ${path}: ${response.status} ${text}`)
    const body = JSON.parse(text) as { data?: unknown }
    return body.data ?? body
  }
  const api: Api = {
    get: async <Data>(path: string) => (await ask(path, { method: 'GET', headers: { cookie } })) as Data,
    post: async <Data>(path: string, body: unknown = {}) =>
      (await ask(path, {
        method: 'POST',
        headers: { cookie, origin: url, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })) as Data,
    progress: (sessionId) => api.get<Progress>(`/crm/activation/progress/${sessionId}`),
  }
  return api
}

/** Creates a member of staff with this role. */
export async function createStaff(admin: Api, role: Role, name: string): Promise<Staff> {
  const person = { email: `${name.toLowerCase()}@staff.example`, password: `${name}-has-a-long-password` }
  await admin.post('/api/auth/admin/create-user', { ...person, name, role })
  return person
}

/** Gives a browser the cookie of a person, without the sign-in page. */
export async function signInBrowser(context: BrowserContext, url: string, who: Staff = superadmin): Promise<void> {
  const answer = await context.request.post(`${url}/api/auth/sign-in/email`, { data: who, headers: { origin: url } })
  if (!answer.ok()) throw new Error(`${who.email} could not sign in: ${answer.status()} ${await answer.text()}`)
}

/** Makes up the leads with the numbers `first` to `first + count - 1`, at most 1,000 of them. */
export function madeUpLeads(count: number, first = 1, source?: string): NewLead[] {
  return Array.from({ length: count }, (_, index) => {
    const number = String(first + index).padStart(4, '0')
    return {
      email: `person${number}@journey.example`,
      firstName: 'Person',
      lastName: `Number ${number}`,
      company: index % 2 === 0 ? 'Even & Sons' : 'Odd Ltd',
      source: source ?? (index % 3 === 0 ? 'Fair' : 'Web'),
    }
  })
}
