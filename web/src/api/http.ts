import type { ErrorCode, Failure, ImportResult } from '@rollcall/shared'
import type { Answer, CallName, Input } from './calls.ts'

/** A call that did not succeed; `message` is the server's own sentence for a person. */
export class ApiFailure extends Error {
  readonly status: number
  readonly code: ErrorCode | 'NETWORK'

  constructor(status: number, code: ErrorCode | 'NETWORK', message: string) {
    super(message)
    this.name = 'ApiFailure'
    this.status = status
    this.code = code
  }
}

const unreachable = 'Rollcall cannot be reached. Check your connection and try again.'

/** True when no answer came at all, so that nobody knows whether the server did what was asked. */
export function isNetworkFailure(error: unknown): boolean {
  return error instanceof ApiFailure && error.code === 'NETWORK'
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

interface Options {
  signal?: AbortSignal
  /** For calls whose 401 is an answer to a form, not the end of a sign-in. */
  signsIn?: boolean
}

/** Makes one call of the contract and gives its `data`. Throws ApiFailure, or AbortError when `signal` said so. */
export async function call<Name extends CallName>(
  name: Name,
  input: Input<Name>,
  options: Options = {},
): Promise<Answer<Name>> {
  const [method, pattern] = name.split(' ') as [string, string]
  const { parameters, query, body } = input as { parameters?: Record<string, string>; query?: object; body?: unknown }
  const request = requestOf(method, body, options.signal)
  const { status, answer } = await send(pathOf(pattern, parameters, query), request)
  if (status === 401 && !options.signsIn) signedOut()
  return unwrap(status, answer) as Answer<Name>
}

function requestOf(method: string, body: unknown, signal?: AbortSignal): RequestInit {
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

/** Sends a file to `POST /crm/leads/import`; `sent` hears the share that has left the browser, 0 to 1. fetch cannot tell that. */
export function uploadImport(form: FormData, sent: (share: number) => void): Promise<ImportResult> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', '/crm/leads/import')
    request.setRequestHeader('accept', 'application/json')
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) sent(event.loaded / event.total)
    })
    request.addEventListener('error', () => reject(new ApiFailure(0, 'NETWORK', unreachable)))
    request.addEventListener('load', () => {
      if (request.status === 401) signedOut()
      try {
        resolve(unwrap(request.status, parse(request.responseText)) as ImportResult)
      } catch (error) {
        reject(error)
      }
    })
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
