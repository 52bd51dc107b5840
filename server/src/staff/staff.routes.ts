import { Failure, Me, type Me as MeBody, SignInAnswer, SignInRequest } from '@rollcall/shared'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { answers, ok } from '../http/envelope.ts'
import { requireRole } from '../http/authorization.ts'
import type { Server } from '../http/server.ts'
import { type Auth, authPath, clientAddressHeader } from './auth.ts'
import { errorOfUnstorableValues, failureOfResponse } from './auth-failures.ts'

/** The largest body, in bytes, of a sign-in or of staff management. */
const bodyLimit = 64 * 1024

/** Adds the routes of the sign-in library (sign-in, staff, API keys) and `/staff/me`. */
export async function staffRoutes(
  server: Server,
  options: {
    auth: Auth
    /** `PUBLIC_URL`, without a slash at the end. */
    publicUrl: string
    /** What the web app needs to know about the installation. */
    installation: Pick<MeBody, 'builtInMailbox' | 'importMaximumBytes'>
  },
): Promise<void> {
  const { auth, publicUrl, installation } = options

  const handOver = async (request: FastifyRequest, reply: FastifyReply) => {
    const response = await auth.handler(toWebRequest(request, publicUrl)).catch((error: unknown) => {
      throw errorOfUnstorableValues(error) ?? error
    })
    if (response.status === 429) reply.header('retry-after', response.headers.get('x-retry-after') ?? '60')
    if (response.status >= 400) {
      const { status, body } = await failureOfResponse(response)
      return reply.code(status).send(body)
    }
    return sendWebResponse(response, reply)
  }

  server.post(
    `${authPath}/sign-in/email`,
    {
      bodyLimit,
      schema: {
        summary: 'Signs a member of staff in; the answer sets the cookie',
        tags: ['staff'],
        security: [],
        body: SignInRequest,
        response: { 200: SignInAnswer, '4xx': Failure, '5xx': Failure },
      },
    },
    handOver,
  )
  const rest = {
    bodyLimit,
    schema: {
      summary: 'The rest of sign-in, staff and API keys, in the words of better-auth',
      tags: ['staff'],
      params: Type.Object({ '*': Type.String() }),
      // The library has query parameters of its own and checks them itself.
      querystring: Type.Object({}, { additionalProperties: true }),
      response: { 200: SignInAnswer, '4xx': Failure, '5xx': Failure },
    },
  }
  server.get(`${authPath}/*`, rest, handOver)
  server.post(`${authPath}/*`, rest, handOver)

  server.get(
    '/staff/me',
    {
      onRequest: requireRole('support'),
      schema: { summary: 'Who is signed in', tags: ['staff'], response: answers(Me) },
    },
    async (request, reply) => {
      await prolongSignIn(auth, request, reply)
      const { id, name, email, role } = request.staff
      return ok({ id, name, email, role, ...installation })
    },
  )
}

/** Extends the session of a browser. The web app calls `/staff/me` whenever it opens, so that whoever uses it stays signed in. */
async function prolongSignIn(auth: Auth, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { cookie } = request.headers
  if (cookie === undefined || request.headers['x-api-key'] !== undefined) return
  const { headers } = await auth.api.getSession({ headers: new Headers({ cookie }), returnHeaders: true })
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) reply.header('set-cookie', cookies)
}

function toWebRequest(request: FastifyRequest, publicUrl: string): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string') headers.set(name, value)
    else for (const each of value ?? []) headers.append(name, each)
  }
  headers.delete('content-length')
  headers.set(clientAddressHeader, request.ip)
  const hasBody = request.body !== undefined && request.body !== null
  if (!hasBody) headers.delete('content-type')
  return new Request(new URL(request.url, publicUrl), {
    method: request.method,
    headers,
    body: hasBody ? JSON.stringify(request.body) : null,
  })
}

async function sendWebResponse(response: Response, reply: FastifyReply): Promise<FastifyReply> {
  reply.code(response.status)
  for (const [name, value] of response.headers) if (name !== 'set-cookie') reply.header(name, value)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) reply.header('set-cookie', cookies)
  reply.header('cache-control', 'no-store')
  return reply.send(await response.text())
}
