import type { Ajv } from 'ajv'
import type { FastifyRequest, RouteOptions } from 'fastify'
import { strict } from '@rollcall/shared'
import { storableText } from '../db/text.ts'
import { isTime } from '../db/time.ts'
import { DomainError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route itself says which text of the body cannot be stored. */
    checksTextItself?: boolean
  }
}

/** An address has no parameters where the route names none: what nobody knows is refused there, too. To be called for every route. */
export function refuseUnknownParameters(route: RouteOptions): void {
  // What is not described (files, pages of the API) takes what it is given.
  if (route.schema === undefined || route.schema.hide === true) return
  route.schema = { querystring: strict({}), ...route.schema }
}

/** No body of the contract is nested deeper than a few levels. */
const deepest = 50

/**
 * Refuses text that no row can hold, wherever in a request it stands, so that no statement has to fail of it; a body that
 * is null, which a check of its schema would take for none; and one that is nested deeper than any that Rollcall knows, so that nothing that recurses through it has to fail.
 */
export async function refuseUnstorable(request: FastifyRequest): Promise<void> {
  const { checksTextItself = false } = request.routeOptions.config
  if (request.body === null)
    throw new DomainError('BAD_REQUEST', 'The body is null; send an object, or no body where none is needed.')
  refuseDeep(request.body)
  const parts: unknown[] = [request.params, request.query, ...(checksTextItself ? [] : [request.body])]
  if (!parts.every(isStorable))
    throw new DomainError(
      'BAD_REQUEST',
      'The request has a character that cannot be stored (NUL, or half a character).',
    )
}

/** Level by level, without recursion. */
function refuseDeep(body: unknown): void {
  let level = [body]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new DomainError('BAD_REQUEST', 'The body is nested too deep.')
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

/** The formats as PostgreSQL and JavaScript both take them; the usual ones are wider. */
export function addFormats(ajv: Ajv): Ajv {
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  ajv.addFormat('date-time', isTime)
  return ajv
}
