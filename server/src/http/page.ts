import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * For a call whose address is also a page of the web app: who opens the address in a browser, which asks for HTML, gets the
 * page; programs, and the page itself, go on to the call.
 */
export async function pageForBrowsers(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  void reply.header('vary', 'accept')
  if (!request.headers.accept?.includes('text/html')) return undefined
  reply.callNotFound()
  return reply
}
