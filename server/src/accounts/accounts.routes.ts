import { AcceptAnswer, AcceptRequest, InspectAnswer, InspectRequest } from '@rollcall/shared'
import type { Database } from '../db/database.ts'
import { answers, ok } from '../http/envelope.ts'
import type { Server } from '../http/server.ts'
import { acceptInvitation, inspectToken, type OnActivated } from './accounts.usecases.ts'

/** The invited person's two calls. Opening the link itself is a page of the web app and changes nothing. */
export async function accountsRoutes(
  server: Server,
  options: {
    database: Database
    now: () => Date
    onActivated: OnActivated
  },
): Promise<void> {
  const { database, now, onActivated } = options
  // Guessing a token of 256 bits is hopeless; the limit keeps the password hashing from being used to tire the server.
  const rateLimit = { max: 30, timeWindow: '1 minute' }

  server.post(
    '/activation/inspect',
    {
      config: { rateLimit },
      schema: {
        summary: 'Tells what an activation link is good for; changes nothing',
        tags: ['activation link'],
        security: [],
        body: InspectRequest,
        response: answers(InspectAnswer),
      },
    },
    async (request) => ok(await inspectToken(database, request.body.token, now())),
  )

  server.post(
    '/activation/accept',
    {
      config: { rateLimit },
      schema: {
        summary: 'Sets the password of an invited person, once',
        tags: ['activation link'],
        security: [],
        body: AcceptRequest,
        response: answers(AcceptAnswer),
      },
    },
    async (request) => ok(await acceptInvitation(database, { ...request.body, now: now(), onActivated })),
  )
}
