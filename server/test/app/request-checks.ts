import { afterAll, beforeAll, expect } from 'vitest'
import { createTestApp, type Answer, type App, type Call } from './app.ts'

/** A valid id that belongs to nothing. */
export const uuid = '01890000-0000-7000-8000-000000000000'
const token = 'x'.repeat(43)

/** Every route that takes a JSON body, with a body that it accepts. */
export const writes: [string, string, unknown][] = [
  ['POST', '/crm/leads', { email: 'new@example.com' }],
  ['POST', '/crm/activation/preview', { selection: { filter: {} } }],
  ['POST', '/crm/activation/sessions', { selection: { filter: { q: 'nobody at all' } } }],
  ['POST', '/crm/activation/sessions/:sessionId/retry', { mail: 'failed' }],
  ['POST', '/crm/activation/sessions/:sessionId/settle', { mail: 'unconfirmed', as: 'sent' }],
  ['POST', '/activation/inspect', { token }],
  ['POST', '/activation/accept', { token, password: 'long enough for anybody' }],
  ['PATCH', '/settings', {}],
]
export const reads = [
  '/crm/leads',
  '/crm/leads/facets',
  `/crm/leads/${uuid}`,
  '/crm/activation/sessions',
  '/crm/activation/sessions/:sessionId',
  '/crm/activation/sessions/:sessionId/items',
  '/crm/activation/sessions/:sessionId/items.csv',
  '/crm/activation/sessions/:sessionId/snapshots',
  '/crm/activation/progress/:sessionId',
  `/crm/leads/imports/${uuid}/rejections.csv`,
  '/mailbox/messages',
  '/mailbox/messages/1',
  '/settings',
  '/staff/me',
]
export const lists = reads.slice(0, 1).concat(reads[3]!, reads[5]!, reads[10]!)

/** An app with some leads and a session, to which requests of any kind are sent. */
export interface RequestChecksBench {
  readonly app: App
  /** The ids of the leads. */
  readonly ids: string[]
  /** Sends a request as a superadmin. `:sessionId` in the path stands for the id of the session. */
  call: (method: string, path: string, options?: Call) => Promise<Answer<{ status?: string }>>
}

/** Opens a bench for the tests of a file, and closes it after them. */
export function requestChecksBench(): RequestChecksBench {
  let app: App
  let ids: string[]
  let sessionId: string
  let address = 0

  beforeAll(async () => {
    app = await createTestApp()
    ids = await app.activation.addLeads(12)
    sessionId = (await app.activation.start({ ids }, { startAt: new Date(Date.now() + 86_400_000).toISOString() }))
      .sessionId
  })
  afterAll(() => app.close())

  return {
    get app() {
      return app
    },
    get ids() {
      return ids
    },
    call(method, path, options = {}) {
      // Each request has a client address of its own, so that no rate limit refuses it.
      address += 1
      const headers = { 'x-forwarded-for': `10.0.${address >> 8}.${address & 255}`, ...options.headers }
      return app.call(method, path.replace(':sessionId', sessionId), { role: 'superadmin', ...options, headers })
    },
  }
}

/**
 * Expects that a request was refused with this status and code, in the shape of every failure. `name` says in the message of
 * an expectation that fails which request it was.
 */
export function expectFailure(answer: Answer<unknown>, status: number, code: string, name?: string): void {
  expect.soft([answer.status, answer.code], name).toEqual([status, code])
  expect.soft(answer, name).toMatchObject({ success: false })
  expect.soft(answer.msg, name).toMatch(/^[A-Z].*[.]$|^No active activation session found$/s)
}
