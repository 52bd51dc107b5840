import { MailboxList, MailboxMessageDetail, MailboxQuery, strict } from '@rollcall/shared'
import { Type } from 'typebox'
import type { Database } from '../../db/database.ts'
import { answers, ok } from '../../http/envelope.ts'
import { requireRole } from '../../http/authorization.ts'
import type { Server } from '../../http/server.ts'
import { openMessage, pageOfMessages } from './mailbox.usecases.ts'

/** Registers the routes that show the mails of the built-in mailbox: the list, and one mail. */
export async function mailboxRoutes(server: Server, options: { database: Database }): Promise<void> {
  const { database } = options

  server.get(
    '/mailbox/messages',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Lists the mails of the built-in mailbox, the newest first',
        tags: ['mailbox'],
        querystring: MailboxQuery,
        response: answers(MailboxList),
      },
    },
    async (request) => ok(await pageOfMessages(database, request.query)),
  )

  server.get(
    '/mailbox/messages/:id',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Opens one mail of the built-in mailbox; its HTML is as it was sent',
        tags: ['mailbox'],
        params: strict({ id: Type.String({ maxLength: 100 }) }),
        response: answers(MailboxMessageDetail),
      },
    },
    async (request) => ok(await openMessage(database, request.params.id)),
  )
}
