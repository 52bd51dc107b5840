import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { stringify } from 'csv-stringify'
import { pipeline, Readable } from 'node:stream'
import type { ImportMapping, ImportPreview, ImportResult, Person, Rejection } from '@rollcall/shared'
import type { Database, Transaction } from '../../db/database.ts'
import { isTransactionConflict } from '../../db/errors.ts'
import { DomainError } from '../../errors.ts'
import { completeRows, describeCsv, headBytes, openCsv, type CsvFormat } from './csv/reader.ts'
import { unreadable } from './csv/unreadable.ts'
import { matchHeaders } from './headers.ts'
import { columnsOf, leadOfRow } from './import-row.ts'
import {
  finishImport,
  importFileName,
  insertImport,
  insertRejections,
  rejectionsAfter,
  waitForOtherImports,
  type ImportCounts,
} from './imports.queries.ts'
import type { KeyedLead } from '../leads.queries.ts'
import { storeLeads } from '../leads.usecases.ts'
import { excerpt } from '../text.ts'

/** The largest file that an import takes, in bytes. */
export const importMaximumBytes = 200 * 1024 * 1024
/** The number of bytes at the beginning of a file from which a preview is made. */
export const previewBytes = 256 * 1024
const previewRows = 20
/** The highest number of rejections in the answer to an import. The CSV of `rejectionsCsv` has all of them. */
const answeredRejections = 1000
/** The number of rows that one statement stores. */
const chunkRows = 2000

export interface ImportFile {
  /** The path of the file on this machine's disk. */
  path: string
  /** The name that the file has on the machine of the person who uploads it. */
  name: string
  /** The header of each field. Where it is undefined, `matchHeaders` finds the columns. */
  mapping: ImportMapping | undefined
}

/**
 * Imports a file in one transaction, so that all of it is stored or nothing. It uses the same memory for a file of any size.
 *
 * An empty cell, and a field without a column, leave the value that is stored. The status of a lead does not change.
 * An import that loses a deadlock with another transaction begins again, at most twice.
 *
 * @throws DomainError IMPORT_UNREADABLE, IMPORT_NEEDS_MAPPING
 */
export async function importFile(database: Database, file: ImportFile, staff: Person): Promise<ImportResult> {
  const format = await describeCsv(await headOf(file.path), contentOf(file.path))
  for (let tries = 1; ; tries += 1) {
    try {
      return await database.transaction((transaction) => importInto(transaction, file, format, staff))
    } catch (error) {
      if (tries >= 3 || !isTransactionConflict(error)) throw error
    }
  }
}

/** Reads a file in chunks. The file is opened for the first chunk, and closed after the last one or when the reader stops. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>
}

async function headOf(path: string): Promise<Buffer> {
  const handle = await open(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function importInto(
  transaction: Transaction,
  file: ImportFile,
  format: CsvFormat,
  staff: Person,
): Promise<ImportResult> {
  const csv = await openCsv(contentOf(file.path), format)
  try {
    const columns = columnsOf(csv.headers, mappingFor(csv.headers, file.mapping), format.damaged)
    await waitForOtherImports(transaction)
    const importId = await insertImport(transaction, excerpt(file.name), staff)
    const store = chunkStore(transaction, importId)
    for await (const row of csv.rows) await store.take(leadOfRow(row, columns))
    const { counts, rejections } = await store.finish()
    if (counts.rows === 0) throw unreadable('The file has headers and no rows under them. Export the leads again.')
    await finishImport(transaction, importId, counts)
    return { importId, ...counts, rejections }
  } finally {
    await csv.close()
  }
}

/** Collects the leads and rejections of an import into chunks, and stores each chunk when it is full. `finish` stores the last one. */
function chunkStore(transaction: Transaction, importId: string) {
  const counts: ImportCounts = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0 }
  const answered: Rejection[] = []
  let leads: KeyedLead[] = []
  let rejections: Rejection[] = []

  async function flush() {
    const stored = await storeLeads(transaction, leads, importId)
    if (rejections.length > 0) await insertRejections(transaction, importId, rejections, counts.rejected + 1)
    counts.rows += leads.length + rejections.length
    counts.created += stored.created
    counts.updated += stored.updated
    counts.unchanged += stored.unchanged
    counts.rejected += rejections.length
    answered.push(...rejections.slice(0, answeredRejections - answered.length))
    leads = []
    rejections = []
  }

  return {
    async take(result: ReturnType<typeof leadOfRow>) {
      if ('lead' in result) leads.push(result.lead)
      else rejections.push(result.rejection)
      if (leads.length + rejections.length >= chunkRows) await flush()
    },
    async finish() {
      await flush()
      return { counts, rejections: answered }
    },
  }
}

/**
 * Returns the given mapping, or else one that is made from the headers. Throws IMPORT_NEEDS_MAPPING where it has no header of the
 * address, or a header that the file does not have.
 */
function mappingFor(headers: string[], given: ImportMapping | undefined): ImportMapping {
  const unknown = Object.values(given ?? {}).filter((header) => !headers.includes(header))
  if (unknown.length > 0) {
    throw new DomainError(
      'IMPORT_NEEDS_MAPPING',
      `The mapping names a header that the file does not have: “${excerpt(unknown[0] ?? '')}”. Choose among the headers of the file.`,
      { headers, unknown },
    )
  }
  const mapping = given ?? matchHeaders(headers)
  if (mapping.email !== undefined) return mapping
  const noHeader = headers.some((header) => /^\S+@\S+\.\S+$/.test(header))
  throw new DomainError(
    'IMPORT_NEEDS_MAPPING',
    noHeader
      ? 'The first row holds an address where headers should be. Add a row of headers to the file, with “Email” over the addresses.'
      : 'No column was recognised as the e-mail address. Tell which column holds it.',
    { headers, mapping },
  )
}

/** Describes a file by its beginning, which may be cut off anywhere. Throws IMPORT_UNREADABLE for what is no CSV. */
export async function previewImport(sample: Buffer): Promise<ImportPreview> {
  const head = sample.subarray(0, headBytes)
  const format = await describeCsv(head, Readable.from([sample]), true)
  const whole = completeRows(sample, format.encoding, sample.length >= previewBytes)
  const { headers, rows } = await openCsv(Readable.from([whole]), { ...format, encoding: 'utf-8' })
  const preview: string[][] = []
  for await (const row of rows) {
    preview.push(row.cells.slice(0, headers.length).map((cell) => excerpt(cell, 1000)))
    if (preview.length === previewRows) break
  }
  return {
    encoding: format.encoding,
    delimiter: format.delimiter,
    headers,
    rows: preview,
    mapping: matchHeaders(headers),
  }
}

/**
 * Writes all rejected rows of an import as CSV. A cell that a spreadsheet would take for a formula is escaped.
 *
 * @throws DomainError IMPORT_NOT_FOUND
 */
export async function rejectionsCsv(database: Database, importId: string): Promise<Readable> {
  if ((await importFileName(database, importId)) === null) {
    throw new DomainError('IMPORT_NOT_FOUND', 'There is no such import.')
  }
  const csv = stringify({
    bom: true,
    header: true,
    columns: ['line', 'reason', 'value'],
    escape_formulas: true,
    record_delimiter: '\r\n',
  })
  pipeline(Readable.from(allRejections(database, importId)), csv, () => undefined)
  return csv
}

async function* allRejections(database: Database, importId: string): AsyncGenerator<Rejection> {
  let after = 0
  for (;;) {
    const rejections = await rejectionsAfter(database, { importId, after, limit: 1000 })
    yield* rejections
    const last = rejections.at(-1)
    if (last === undefined) return
    after = last.ordinal
  }
}
