import type { Readable } from 'node:stream'
import { Failure, success } from '@rollcall/shared'
import { Type, type TSchema } from 'typebox'

/** Puts the data of a success into the envelope. */
export function ok<Data>(data: Data): { success: true; data: Data } {
  return { success: true, data }
}

/** The `response` schemas of a route: the success with `data` in its envelope, and every failure. */
export function answers<Schema extends TSchema, const Status extends number = 200>(data: Schema, status?: Status) {
  return { [status ?? 200]: success(data), '4xx': Failure, '5xx': Failure } as Record<
    Status,
    ReturnType<typeof success<Schema>>
  > & { '4xx': typeof Failure; '5xx': typeof Failure }
}

/** The `response` schemas of a route that answers with a file or a stream of this media type, or with a failure. */
export function fileAnswers(mediaType: string, description: string) {
  const file = Type.Unsafe<Readable>({ description, content: { [mediaType]: { schema: { type: 'string' } } } })
  return { 200: file, '4xx': Failure, '5xx': Failure }
}
