import type { Ajv } from 'ajv'
import type { FastifyRequest, RouteOptions } from 'fastify'
import { strict } from '@rollcall/shared'
import { storableText } from '../db/text.ts'
import { isTime } from '../db/time.ts'
import { DomainError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True for a route that checks the texts of its body itself, to say which of them cannot be stored. */
    checksTextItself?: boolean
  }
}

/** Gives a route that names no query parameters a schema that allows none, so that unknown ones are refused. An `onRoute` hook. */
export function refuseUnknownQuery(route: RouteOptions): void {
  // Routes that are not part of the described API (files, the pages of /docs) ignore their query string.
  if (route.schema === undefined || route.schema.hide === true) return
  route.schema = { querystring: strict({}), ...route.schema }
}

/** The deepest nesting of a body that is looked at. No body of the contract has more than a few levels. */
const deepestNesting = 50

/**
 * Refuses what no schema refuses: text that PostgreSQL cannot store, anywhere in a request, on which a statement would fail
 * later; a body that is null, which the validation would take for no body; and a body that is nested so deep that whatever
 * recurses through it would fail. A `preValidation` hook.
 */
export async function refuseUnstorable(request: FastifyRequest): Promise<void> {
  const { checksTextItself = false } = request.routeOptions.config
  if (request.body === null)
    throw new DomainError('BAD_REQUEST', 'The body is null; send an object, or no body where none is needed.')
  refuseDeepNesting(request.body)
  const checked: unknown[] = [request.params, request.query, ...(checksTextItself ? [] : [request.body])]
  if (!checked.every(isStorable))
    throw new DomainError(
      'BAD_REQUEST',
      'The request has a character that cannot be stored (NUL, or half a character).',
    )
}

/** Looks at the body level by level, because a recursion could itself be too deep. */
function refuseDeepNesting(body: unknown): void {
  let level = [body]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepestNesting) throw new DomainError('BAD_REQUEST', 'The body is nested too deep.')
    level = level.flatMap((each) => (isPlain(each) ? Object.values(each) : []))
  }
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return storableText(value)
  return !isPlain(value) || Object.entries(value).every(([key, inner]) => storableText(key) && isStorable(inner))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

/** Defines the formats `uuid` and `date-time` as PostgreSQL and JavaScript both read them; the usual definitions allow more. */
export function addFormats(ajv: Ajv): Ajv {
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  ajv.addFormat('date-time', isTime)
  return ajv
}
