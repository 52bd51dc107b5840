import { expect } from 'vitest'
import { DomainError } from '../../src/errors.ts'
import type { CsvEncoding } from '../../src/leads/import/csv/encoding.ts'
import { describeCsv, headBytes, openCsv, type CsvRow } from '../../src/leads/import/csv/reader.ts'

/** Yields the bytes in pieces of `size`, as an upload brings them. */
export async function* pieces(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Reads a whole file as an import does. */
export async function readCsv(input: Buffer | string, size?: number) {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input
  const format = await describeCsv(bytes.subarray(0, headBytes), pieces(bytes, size))
  const file = await openCsv(pieces(bytes, size), format)
  const rows: CsvRow[] = []
  for await (const row of file.rows) rows.push(row)
  return { format, headers: file.headers, rows, cells: rows.map((row) => row.cells) }
}

/** Returns the sentence with which a file is refused. */
export async function refusalOf(input: Buffer | string): Promise<string> {
  const error: unknown = await readCsv(input).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(DomainError)
  const refusal = error as DomainError
  expect(refusal.code).toBe('IMPORT_UNREADABLE')
  return refusal.message
}

/** Encodes a text, with or without a byte order mark. */
export function encode(text: string, encoding: CsvEncoding, mark: boolean): Buffer {
  const marked = mark ? `\ufeff${text}` : text
  if (encoding === 'utf-8') return Buffer.from(marked)
  if (encoding === 'windows-1252') return Buffer.from(text.replaceAll('€', '\x80'), 'latin1')
  const bytes = Buffer.from(marked, 'utf16le')
  return encoding === 'utf-16le' ? bytes : bytes.swap16()
}

/** Every encoding that can be read, without (false) and with (true) a byte order mark. */
export const encodings: [CsvEncoding, boolean][] = [
  ['utf-8', false],
  ['utf-8', true],
  ['utf-16le', true],
  ['utf-16le', false],
  ['utf-16be', true],
  ['utf-16be', false],
  ['windows-1252', false],
]
