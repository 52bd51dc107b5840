import compress from '@fastify/compress'
import helmet from '@fastify/helmet'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv, type Options } from 'ajv'
import Fastify, { LogController, type FastifyBaseLogger } from 'fastify'
import http from 'node:http'
import { addFormats, refuseUnknownQuery, refuseUnstorable } from './request-checks.ts'
import { answerError, answerErrors } from './error-answers.ts'
import { prepareShutdown, shutdownTimings, type ShutdownTimings } from './graceful-shutdown.ts'
import type { Server } from './server-type.ts'

export type { Server } from './server-type.ts'

/** The longest JSON body: 10,000 ids of a selection, and as many exceptions, with room. */
const bodyLimit = 2 * 1024 * 1024

/** Creates a server without routes. It has the checks of requests, the security headers and the answers to errors. */
export async function createServer(options: {
  logger: FastifyBaseLogger
  https: boolean
  /** Addresses and networks whose `X-Forwarded-For` is believed; those of this machine when left out. */
  trustedProxies?: string[]
  timings?: Partial<ShutdownTimings>
}): Promise<Server> {
  const server: Server = Fastify({
    loggerInstance: options.logger,
    bodyLimit,
    trustProxy: options.trustedProxies ?? ['loopback'],
    // A write that still arrives while the server closes is served, because its balancer cannot send it to anybody else.
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    forceCloseConnections: 'idle',
    // Not shorter than Node lets the head of a request be, so that the schema of a parameter says what is too long.
    routerOptions: { maxParamLength: http.maxHeaderSize },
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(validatorCompiler())
  server.removeContentTypeParser('text/plain')
  answerErrors(server)
  prepareShutdown(server, { ...shutdownTimings, ...options.timings })
  server.addHook('onRoute', refuseUnknownQuery)
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
 * Compiles schemas so that a body is taken as it is (a number in quotes is no number), while paths, query strings and headers,
 * which carry only text, have their numbers and booleans read from it. Fields that a schema does not have are refused.
 */
function validatorCompiler() {
  const common: Options = { allErrors: false, removeAdditional: false, useDefaults: true, strict: false }
  const strictAjv = addFormats(new Ajv({ ...common, coerceTypes: false }))
  const coercingAjv = addFormats(new Ajv({ ...common, coerceTypes: true }))
  return ({ schema, httpPart }: { schema: unknown; httpPart?: string }) =>
    (httpPart === 'body' ? strictAjv : coercingAjv).compile(schema as object)
}
