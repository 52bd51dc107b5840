import type { Ajv } from 'ajv'
import type { FastifyRequest } from 'fastify'
import { storableText } from '../db/text.ts'
import { Refusal } from './refusal.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route itself says which text of the body cannot be stored. */
    checksTextItself?: boolean
  }
}

/** Refuses text that no row can hold, wherever in a request it stands, so that no statement has to fail of it. */
export async function refuseUnstorableText(request: FastifyRequest): Promise<void> {
  const { checksTextItself = false } = request.routeOptions.config
  const parts: unknown[] = [request.params, request.query, ...(checksTextItself ? [] : [request.body])]
  if (!parts.every(isStorable))
    throw new Refusal(
      400,
      'BAD_REQUEST',
      'The request has a character that cannot be stored (NUL or half a character).',
    )
}

/** Without recursion: a body may be nested deeper than the stack is. */
function isStorable(value: unknown): boolean {
  const waiting = [value]
  while (waiting.length > 0) {
    const each = waiting.pop()
    if (typeof each === 'string' && !storableText(each)) return false
    if (typeof each === 'object' && each !== null) {
      for (const [key, inner] of Object.entries(each)) {
        if (!storableText(key)) return false
        waiting.push(inner)
      }
    }
  }
  return true
}

/** The formats as PostgreSQL and JavaScript both take them; the usual ones are wider. */
export function addFormats(ajv: Ajv): Ajv {
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  ajv.addFormat('date-time', isTime)
  return ajv
}

const time = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/i
const earliest = Date.parse('0001-01-01T00:00:00Z')
const latest = Date.parse('9999-12-31T23:59:59.999Z')

/** ISO 8601 with a zone (RFC 3339), a day that exists, in the years 1 to 9999; no leap second. */
function isTime(text: string): boolean {
  const day = time.exec(text)?.[1]
  if (day === undefined) return false
  const at = Date.parse(text)
  // JavaScript takes the 31st of February for a day in March.
  return at >= earliest && at <= latest && new Date(day).toISOString().startsWith(day)
}
