import type { Ajv } from 'ajv'
import type { FastifyRequest } from 'fastify'
import { storableText } from '../db/text.ts'
import { isTime } from '../db/time.ts'
import { Refusal } from './refusal.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route itself says which text of the body cannot be stored. */
    checksTextItself?: boolean
  }
}

/** No body of the contract is nested deeper than a few levels. */
const deepest = 50

/**
 * Refuses text that no row can hold, wherever in a request it stands, so that no statement has to fail of it; and a body
 * that is nested deeper than any that Rollcall knows, so that nothing that recurses through it has to fail.
 */
export async function refuseUnstorable(request: FastifyRequest): Promise<void> {
  const { checksTextItself = false } = request.routeOptions.config
  refuseDeep(request.body)
  const parts: unknown[] = [request.params, request.query, ...(checksTextItself ? [] : [request.body])]
  if (!parts.every(isStorable))
    throw new Refusal(
      400,
      'BAD_REQUEST',
      'The request has a character that cannot be stored (NUL, or half a character).',
    )
}

/** Level by level, without recursion. */
function refuseDeep(body: unknown): void {
  let level = [body]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new Refusal(400, 'BAD_REQUEST', 'The body is nested too deep.')
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
