import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import {
  accountReasons,
  ItemsCount,
  ItemsCsvQuery,
  ItemsList,
  ItemsQuery,
  mailReasons,
  SessionParams,
} from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { answers, fileAnswers, ok } from '../../http/envelope.ts'
import { requireRole } from '../../http/authorization.ts'
import type { Server } from '../../http/server.ts'
import { allItems, countOfItems, pageOfItems } from '../history/item-list.usecases.ts'
import { latestProgress } from '../history/progress.usecases.ts'

const tags = ['activation']

/** What became of each lead of a session, as a list and as a file. */
export async function itemsRoutes(server: Server, options: { database: Database }): Promise<void> {
  const { database } = options

  server.get(
    '/crm/activation/sessions/:sessionId/items',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'The items of a session',
        description:
          'Where counting would take longer than a page may, in a very large session, `total` is an estimate and ' +
          '`totalIsExact` is false; `GET …/items/count` then gives the exact number. Following pages carry it on.',
        tags,
        params: SessionParams,
        querystring: ItemsQuery,
        response: answers(ItemsList),
      },
    },
    async (request) => ok(await pageOfItems(database, request.params.sessionId, request.query)),
  )

  server.get(
    '/crm/activation/sessions/:sessionId/items/count',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'Counts the items of a session that a filter leaves, exactly',
        tags,
        params: SessionParams,
        querystring: ItemsCsvQuery,
        response: answers(ItemsCount),
      },
    },
    async (request) => ok({ total: await countOfItems(database, request.params.sessionId, request.query) }),
  )

  server.get(
    '/crm/activation/sessions/:sessionId/items.csv',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'The items of a session as CSV, safe to open in a spreadsheet',
        tags,
        params: SessionParams,
        querystring: ItemsCsvQuery,
        response: fileAnswers('text/csv', 'The items, one a line'),
      },
    },
    async (request, reply) => {
      const { sessionId } = request.params
      // Refused here, before the first byte is sent, where an answer can still say so.
      await latestProgress(database, sessionId)
      const rows = Readable.from(csvRows(database, sessionId, request.query))
      const csv = rows.pipe(
        stringify({ header: true, columns: csvColumns, bom: true, escape_formulas: true, record_delimiter: 'windows' }),
      )
      rows.on('error', (error) => csv.destroy(error))
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="${sessionId}.csv"`)
        .send(csv)
    },
  )
}

const csvColumns = [
  'email',
  'first name',
  'last name',
  'account',
  'account reason',
  'mail',
  'mail reason',
  'tries',
  'sent at',
  'next try at',
  'mail server said',
  'message id',
]

async function* csvRows(database: Database, sessionId: string, filter: ItemsCsvQueryType): AsyncGenerator<string[]> {
  for await (const { lead, account, mail } of allItems(database, sessionId, filter)) {
    yield [
      lead.email,
      lead.firstName,
      lead.lastName,
      account.state,
      sentence(accountReasons, account.reason),
      mail.state,
      sentence(mailReasons, mail.reason),
      String(mail.tries),
      mail.sentAt ?? '',
      mail.nextTryAt ?? '',
      mail.reply ?? '',
      mail.messageId ?? '',
    ]
  }
}

type ItemsCsvQueryType = Parameters<typeof allItems>[2]

function sentence(sentences: Record<string, string>, reason: string | null): string {
  return reason === null ? '' : (sentences[reason] ?? reason)
}
