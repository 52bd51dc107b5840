import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode, Failure } from '@rollcall/shared'
import { isDatabaseAway } from '../db/errors.ts'
import { DomainError } from '../errors.ts'
import { statusOfCode } from './statuses.ts'
import { validationSentence } from './validation-messages.ts'
import type { Server } from './server-type.ts'

/** Answers every error of a server as a failure of the contract: a sentence for a person and a code for a program. The cause of what is not meant goes to the log. */
export function answerErrors(server: Server): void {
  server.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply))
}

/** Answers a request that no route takes. `page` serves the document of the web app where the path is a page of it, and returns false where it is none. */
export function answerUnknown(server: Server, page: (request: FastifyRequest, reply: FastifyReply) => boolean): void {
  server.setNotFoundHandler((request, reply) => {
    if (page(request, reply)) return reply
    const path = request.url.split('?')[0]
    return reply.code(404).send(failure('NOT_FOUND', `There is nothing at ${request.method} ${path}.`))
  })
}

/** Makes the body of a failure. */
export function failure(code: ErrorCode, msg: string, details?: unknown): Failure {
  return { success: false, code, msg, ...(details === undefined ? {} : { details }) }
}

/** Answers one error in the contract's shape. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof DomainError)
    return reply.code(statusOfCode[error.code]).send(failure(error.code, error.message, error.details))
  if (error.validation) {
    const where = error.validationContext
    return reply
      .code(400)
      .send(failure('BAD_REQUEST', validationSentence(error.validation, where), { where, problems: error.validation }))
  }
  const status = error.statusCode ?? 500
  if (status === 429) return reply.code(429).send(failure('TOO_MANY_REQUESTS', error.message))
  if (status >= 400 && status < 500) {
    const code = codesOfStatuses[status]
    return reply
      .code(code === undefined ? 400 : status)
      .send(failure(code ?? 'BAD_REQUEST', clientSentence(error, status)))
  }
  if (isDatabaseAway(error)) {
    request.log.error({ err: error }, 'database away')
    return reply
      .code(503)
      .header('retry-after', '2')
      .send(failure('UNAVAILABLE', 'The database does not answer right now; try again in a few seconds.'))
  }
  request.log.error({ err: error }, 'request failed')
  const number = request.id
  return reply.code(500).send(
    failure('INTERNAL', `Something went wrong in Rollcall; it is in the log as request ${number}.`, {
      request: number,
    }),
  )
}

/** The codes for errors of Fastify and its plugins, which have a status only. A 4xx status that is not here becomes a 400. */
const codesOfStatuses: Partial<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'SIGN_IN_REQUIRED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'NOT_POSSIBLE_NOW',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  422: 'BAD_REQUEST',
  429: 'TOO_MANY_REQUESTS',
}

function clientSentence(error: FastifyError, status: number): string {
  if (status === 413) return 'The body is larger than Rollcall takes.'
  if (status === 415) return 'Rollcall does not take this kind of content here; send JSON, or multipart for a file.'
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY')
    return 'The body is not valid JSON.'
  if (error.code === 'FST_ERR_BAD_URL') return 'The address has a percent sign that is followed by no character code.'
  return error.message
}
