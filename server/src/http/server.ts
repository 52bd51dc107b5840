import compress from '@fastify/compress'
import helmet from '@fastify/helmet'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv, type Options } from 'ajv'
import Fastify, { LogController, type FastifyBaseLogger } from 'fastify'
import http from 'node:http'
import { addFormats, refuseUnknownParameters, refuseUnstorable } from './request-checks.ts'
import { answerError, answerErrors } from './error-answers.ts'
import { prepareWithdrawal, type WithdrawalTimings, withdrawalTimings } from './graceful-shutdown.ts'
import type { Server } from './server-type.ts'

export type { Server } from './server-type.ts'

/** The longest JSON body: 10,000 ids of a selection, and as many exceptions, with room. */
const bodyLimit = 2 * 1024 * 1024

/** An empty server: checks, headers and answers to errors are set, routes are not. */
export async function createServer(options: {
  logger: FastifyBaseLogger
  https: boolean
  /** Addresses and networks whose `X-Forwarded-For` is believed; this machine's unless told otherwise. */
  trustedProxies?: string[]
  timings?: Partial<WithdrawalTimings>
}): Promise<Server> {
  const server: Server = Fastify({
    loggerInstance: options.logger,
    bodyLimit,
    trustProxy: options.trustedProxies ?? ['loopback'],
    // What is still sent to a server that closes is served: its balancer has nobody else to ask for a write.
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    forceCloseConnections: 'idle',
    // As long as Node lets a request's head be: what is too long for a parameter is said by its schema.
    routerOptions: { maxParamLength: http.maxHeaderSize },
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(validatorCompiler())
  server.removeContentTypeParser('text/plain')
  answerErrors(server)
  prepareWithdrawal(server, { ...withdrawalTimings, ...options.timings })
  server.addHook('onRoute', refuseUnknownParameters)
  server.addHook('preValidation', refuseUnstorable)
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        frameSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // A browser that came once over https would refuse a plain http installation on the same name for ever after.
    hsts: options.https,
    // Activation links must not leak to other hosts by the Referer.
    referrerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: false,
  })
  await server.register(compress, { threshold: 1024, encodings: ['br', 'gzip'] })
  return server
}

/**
 * Bodies are taken as they are: a number in quotes is not a number. Addresses carry only text, so there numbers and
 * booleans are read from it. Unknown fields are refused in both.
 */
function validatorCompiler() {
  const common: Options = { allErrors: false, removeAdditional: false, useDefaults: true, strict: false }
  const strictAjv = addFormats(new Ajv({ ...common, coerceTypes: false }))
  const coercingAjv = addFormats(new Ajv({ ...common, coerceTypes: true }))
  return ({ schema, httpPart }: { schema: unknown; httpPart?: string }) =>
    (httpPart === 'body' ? strictAjv : coercingAjv).compile(schema as object)
}
