import { AcceptAnswer, AcceptRequest, InspectAnswer, InspectRequest } from '@rollcall/shared'
import type { Database } from '../db/database.ts'
import { answers, ok } from '../http/envelope.ts'
import type { Server } from '../http/server.ts'
import { acceptInvitation, inspectToken, type OnActivated } from './accounts.usecases.ts'

/** Adds the two routes for the invited person. The link itself opens a page of the web app, which changes nothing. */
export async function accountsRoutes(
  server: Server,
  options: {
    database: Database
    now: () => Date
    onActivated: OnActivated
  },
): Promise<void> {
  const { database, now, onActivated } = options
  // A token of 256 bits cannot be guessed. The limit is there because hashing passwords costs the server a lot of time.
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
