import multipart from '@fastify/multipart'
import { Type } from 'typebox'
import { ImportPreview, ImportResult, strict, Uuid } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { answers, fileAnswers, ok } from '../../http/envelope.ts'
import { requireRole } from '../../http/authorization.ts'
import type { Server } from '../../http/server.ts'
import { importFile, previewBytes, previewImport, rejectionsCsv } from './imports.usecases.ts'
import { uploadBeginning, withUpload } from './upload.ts'

const File = Type.Unsafe<unknown>({ type: 'string', format: 'binary', description: 'CSV' })
/** Turns off the validation of a form by its schema, which only describes the form in the API. `upload.ts` checks each part as it comes in. */
const formIsChecked = { validatorCompiler: () => () => true }

/** Adds the routes for files of leads: import, preview, and the rows that an import rejected. */
export async function importRoutes(
  server: Server,
  options: { database: Database; spoolFolder: string },
): Promise<void> {
  const { database, spoolFolder } = options
  // The plugin cuts a file that is too large instead of throwing its own error, so that `upload.ts` can refuse it with a sentence.
  await server.register(multipart, { throwFileSizeLimit: false })

  server.post(
    '/crm/leads/import',
    {
      onRequest: requireRole('admin'),
      ...formIsChecked,
      schema: {
        summary: 'Imports a CSV file of leads, all of it or nothing',
        description:
          '`mapping` is JSON, field to header; without it, columns are found by their headers. Rows that cannot be leads are rejected with line and reason.',
        tags: ['leads'],
        consumes: ['multipart/form-data'],
        body: strict({ file: File, mapping: Type.Optional(Type.String()) }),
        response: answers(ImportResult),
      },
    },
    async (request) => {
      const { id, name } = request.staff
      return ok(await withUpload(request, spoolFolder, (file) => importFile(database, file, { id, name })))
    },
  )

  server.post(
    '/crm/leads/import/preview',
    {
      onRequest: requireRole('admin'),
      ...formIsChecked,
      schema: {
        summary: 'Tells how a CSV file is written and which column holds which field; stores nothing',
        description: 'The first 256 KiB of the file are enough, and it may be cut off there.',
        tags: ['leads'],
        consumes: ['multipart/form-data'],
        body: strict({ file: File }),
        response: answers(ImportPreview),
      },
    },
    async (request) => ok(await previewImport(await uploadBeginning(request, previewBytes))),
  )

  server.get(
    '/crm/leads/imports/:importId/rejections.csv',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'All rows that an import rejected, as CSV that is safe to open in a spreadsheet',
        tags: ['leads'],
        params: strict({ importId: Uuid }),
        response: fileAnswers('text/csv', 'The rejected rows'),
      },
    },
    async (request, reply) => {
      const csv = await rejectionsCsv(database, request.params.importId)
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="rejections.csv"')
        .send(csv)
    },
  )
}
