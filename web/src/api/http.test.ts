import { afterEach, expect, test, vi } from 'vitest'
import { ApiFailure, call, isNetworkFailure, onSignedOut, pathOf } from './http.ts'

const answers = (status: number, body: string) =>
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>(async () => new Response(body, { status })),
  )

afterEach(() => {
  vi.unstubAllGlobals()
  onSignedOut(() => {})
})

test('A path has its names filled in and leaves out what is not set', () => {
  expect(pathOf('/crm/leads/:id', { id: 'a/b' })).toBe('/crm/leads/a%2Fb')
  expect(pathOf('/crm/leads', {}, { q: 'a&b', status: undefined, sort: '', limit: 100 })).toBe(
    '/crm/leads?q=a%26b&limit=100',
  )
})

test('A success gives its data', async () => {
  answers(200, '{"success":true,"data":{"sources":[],"owners":[]}}')
  await expect(call('GET /crm/leads/facets', {})).resolves.toEqual({ sources: [], owners: [] })
})

test("A failure is thrown with the server's sentence, code and status", async () => {
  answers(409, '{"success":false,"code":"SESSION_EXISTS","msg":"This id is taken."}')
  const failure = await call('GET /crm/leads/facets', {}).catch((error: unknown) => error)
  expect(failure).toMatchObject({ message: 'This id is taken.', code: 'SESSION_EXISTS', status: 409 })
})

test('A refused sign-in, which has no envelope, is thrown with its own sentence', async () => {
  answers(401, '{"code":"INVALID_EMAIL_OR_PASSWORD","message":"Invalid email or password"}')
  const body = { email: 'a', password: 'b' }
  const signedOut = vi.fn<() => void>()
  onSignedOut(signedOut)
  await expect(call('POST /api/auth/sign-in/email', { body }, { signsIn: true })).rejects.toThrow(
    'Invalid email or password',
  )
  expect(signedOut).not.toHaveBeenCalled()
})

test('A sign-out, which is answered without data, succeeds', async () => {
  answers(200, '{"success":true}')
  await expect(call('POST /api/auth/sign-out', { body: {} })).resolves.toEqual({ success: true })
})

test('A 401 of any other call ends the sign-in', async () => {
  answers(401, '{"success":false,"code":"SIGN_IN_REQUIRED","msg":"Sign in first."}')
  const signedOut = vi.fn<() => void>()
  onSignedOut(signedOut)
  await expect(call('GET /crm/leads/facets', {})).rejects.toBeInstanceOf(ApiFailure)
  expect(signedOut).toHaveBeenCalledOnce()
})

test('An answer that cannot be read is a sentence for a person, and no answer is a network failure', async () => {
  answers(502, '<html>')
  await expect(call('GET /crm/leads/facets', {})).rejects.toThrow('The server answered with 502')
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>(async () => Promise.reject(new TypeError('failed'))),
  )
  expect(isNetworkFailure(await call('GET /crm/leads/facets', {}).catch((error: unknown) => error))).toBe(true)
})

test('A call that is not answered in time ends with a sentence that says so, and counts as one without an answer', async () => {
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>((_path, { signal } = {}) => {
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
      })
    }),
  )
  const failure = await call('GET /crm/leads/facets', {}, { timeoutMilliseconds: 5 }).catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: 'TIMEOUT',
    message: 'Rollcall did not answer within 0.005 seconds. Try again.',
  })
  expect(isNetworkFailure(failure)).toBe(true)
})

test('A call that its caller ends is no failure of the network', async () => {
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>((_path, { signal } = {}) => {
      return new Promise((_resolve, reject) => {
        const abort = () => reject(new DOMException('aborted', 'AbortError'))
        if (signal?.aborted) abort()
        signal?.addEventListener('abort', abort)
      })
    }),
  )
  for (const when of ['before', 'after']) {
    const caller = new AbortController()
    if (when === 'before') caller.abort()
    const failure = call('GET /crm/leads/facets', {}, { signal: caller.signal }).catch((error: unknown) => error)
    caller.abort()
    expect(await failure).toMatchObject({ name: 'AbortError' })
  }
})
