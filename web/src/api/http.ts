import type { ErrorCode, Failure, ImportResult } from '@rollcall/shared'
import type { Answer, CallName, Input } from './calls.ts'

/** `NETWORK`: no answer came at all. `TIMEOUT`: none came in time. Both are the browser's own words, not the contract's. */
type FailureCode = ErrorCode | 'NETWORK' | 'TIMEOUT'

/** A call that did not succeed; `message` is the server's own sentence for a person. */
export class ApiFailure extends Error {
  readonly status: number
  readonly code: FailureCode

  constructor(status: number, code: FailureCode, message: string) {
    super(message)
    this.name = 'ApiFailure'
    this.status = status
    this.code = code
  }
}

const unreachable = 'Rollcall cannot be reached. Check your connection and try again.'

/** A call that takes longer has hung: the slowest read over a million leads takes a few seconds. */
const usualTimeoutMilliseconds = 30_000
/** Calls whose work grows with the selection: a start of a million leads takes about ten seconds on a small machine. */
const timeoutMilliseconds: Partial<Record<CallName, number>> = {
  'POST /crm/activation/preview': 120_000,
  'POST /crm/activation/sessions': 120_000,
}
/** An upload that moves no byte for this long has hung. */
const uploadStallMilliseconds = 60_000
/** How long the server may work on a file once all of it has arrived. */
const importTimeoutMilliseconds = 600_000

function timedOut(milliseconds: number): ApiFailure {
  return new ApiFailure(0, 'TIMEOUT', `Rollcall did not answer within ${milliseconds / 1000} seconds. Try again.`)
}

/** True when no answer came, so that nobody knows whether the server did what was asked. */
export function isNetworkFailure(error: unknown): boolean {
  return error instanceof ApiFailure && (error.code === 'NETWORK' || error.code === 'TIMEOUT')
}

/** The sentence to show for whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong. Try again.'
}

let signedOut: () => void = () => {}

/** What to do when any call is answered with 401. */
export function onSignedOut(handler: () => void): void {
  signedOut = handler
}

/** A path with its `:names` filled in and a query string of the values that are set. */
export function pathOf(pattern: string, parameters: Record<string, string> = {}, query: object = {}): string {
  const path = pattern.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ''))
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return set.length === 0 ? path : `${path}?${new URLSearchParams(set.map(([name, value]) => [name, String(value)]))}`
}

/** The `data` of an answer in Rollcall's envelope; the sign-in part answers without one. Throws ApiFailure for a failure of either. */
function unwrap(status: number, body: unknown): unknown {
  const isObject = typeof body === 'object' && body !== null
  if (isObject && 'success' in body && body.success === false) {
    const failure = body as Failure
    throw new ApiFailure(status, failure.code, failure.msg)
  }
  if (status >= 200 && status < 300 && isObject) return 'data' in body ? body.data : body
  const message = isObject && 'message' in body ? body.message : null
  const sentence = typeof message === 'string' ? message : `The server answered with ${status}. Try again in a moment.`
  throw new ApiFailure(status, status === 401 ? 'SIGN_IN_REQUIRED' : 'INTERNAL', sentence)
}

interface CallOptions {
  signal?: AbortSignal
  /** How long to wait for the whole answer; where it is not given, as long as this call may take. */
  timeoutMilliseconds?: number
  /** For calls whose 401 is an answer to a form, not the end of a sign-in. */
  signsIn?: boolean
}

/**
 * Makes one call of the contract and gives its `data`. Throws ApiFailure (also when no answer came in time), or AbortError
 * when `signal` said so.
 */
export async function call<Name extends CallName>(
  name: Name,
  input: Input<Name>,
  options: CallOptions = {},
): Promise<Answer<Name>> {
  const [method, pattern] = name.split(' ') as [string, string]
  const { parameters, query, body } = input as { parameters?: Record<string, string>; query?: object; body?: unknown }
  const timeout = options.timeoutMilliseconds ?? timeoutMilliseconds[name] ?? usualTimeoutMilliseconds
  const { status, answer } = await withTimeout(timeout, options.signal, (signal) =>
    send(pathOf(pattern, parameters, query), requestOf(method, body, signal)),
  )
  if (status === 401 && !options.signsIn) signedOut()
  return unwrap(status, answer) as Answer<Name>
}

/** Aborts the work after the time, or when `outer` aborts. Throws ApiFailure with code `TIMEOUT` where it was the time. */
async function withTimeout<Result>(
  milliseconds: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const timeout = new AbortController()
  const abort = () => timeout.abort(outer?.reason)
  if (outer?.aborted) abort()
  outer?.addEventListener('abort', abort)
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    timeout.abort()
  }, milliseconds)
  try {
    return await work(timeout.signal)
  } catch (error) {
    throw isOver ? timedOut(milliseconds) : error
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', abort)
  }
}

function requestOf(method: string, body: unknown, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (body === undefined || body instanceof FormData) return { method, headers, body, signal }
  return { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body), signal }
}

async function send(path: string, request: RequestInit): Promise<{ status: number; answer: unknown }> {
  try {
    const response = await fetch(path, { ...request, credentials: 'same-origin' })
    return { status: response.status, answer: parse(await response.text()) }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiFailure(0, 'NETWORK', unreachable)
  }
}

/**
 * Sends a file to `POST /crm/leads/import`. `onProgress` is told the share that has left the browser, 0 to 1, which fetch
 * cannot tell. Throws ApiFailure, also when no byte moves for a minute.
 */
export function uploadImport(form: FormData, onProgress: (share: number) => void): Promise<ImportResult> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    let timer: ReturnType<typeof setTimeout> | undefined
    const expectNewsWithin = (milliseconds: number) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        reject(timedOut(milliseconds))
        request.abort()
      }, milliseconds)
    }
    request.open('POST', '/crm/leads/import')
    request.setRequestHeader('accept', 'application/json')
    request.upload.addEventListener('progress', (event) => {
      expectNewsWithin(uploadStallMilliseconds)
      if (event.lengthComputable) onProgress(event.loaded / event.total)
    })
    request.upload.addEventListener('load', () => expectNewsWithin(importTimeoutMilliseconds))
    request.addEventListener('loadend', () => clearTimeout(timer))
    request.addEventListener('error', () => reject(new ApiFailure(0, 'NETWORK', unreachable)))
    request.addEventListener('load', () => {
      if (request.status === 401) signedOut()
      try {
        resolve(unwrap(request.status, parse(request.responseText)) as ImportResult)
      } catch (error) {
        reject(error)
      }
    })
    expectNewsWithin(uploadStallMilliseconds)
    request.send(form)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
