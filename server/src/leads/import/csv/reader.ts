import { pipeline, Readable } from 'node:stream'
import { CsvError, Parser } from 'csv-parse'
import { detectDelimiter, type Delimiter } from './delimiter.ts'
import { detectEncoding, toUtf8, type CsvEncoding, type DetectedEncoding } from './encoding.ts'
import { refuseOtherFiles, refuseOtherText } from './kind.ts'
import { unreadable } from './unreadable.ts'

/** The number of bytes at the beginning of a file by which its kind and its delimiter are recognised. */
export const headBytes = 64 * 1024

/** The longest row, in bytes. Without this limit, a quote that is never closed would have the rest of a large file read into memory. */
const rowMaximumBytes = 4 * 1024 * 1024

export interface CsvFormat extends DetectedEncoding {
  delimiter: Delimiter
}

export interface CsvRow {
  /** The line of the file in which the row begins, counted from 1 as an editor does. */
  line: number
  cells: string[]
}

export interface CsvFile {
  /** The headers are trimmed and numbered where they are doubled: `Email`, `Email (2)`. A third column without a header is `Column 3`. */
  headers: string[]
  /** The rows that are not blank. A row with fewer cells than headers is filled with empty ones, and cells beyond the headers are kept. */
  rows: AsyncIterable<CsvRow>
  /** Closes the source of the file. It must be called also where not all rows were read. */
  close(): Promise<void>
}

/**
 * Finds the encoding and the delimiter of a file.
 *
 * @param head the first `headBytes` bytes of the file
 * @param chunks the whole file, from its beginning
 * @param cutOff true when the file may end in the middle of a row or of a character
 * @throws DomainError IMPORT_UNREADABLE when the file is something else than CSV
 */
export async function describeCsv(head: Buffer, chunks: AsyncIterable<Uint8Array>, cutOff = false): Promise<CsvFormat> {
  refuseOtherFiles(head)
  const detected = await detectEncoding(head, chunks, cutOff)
  const text = new TextDecoder(detected.encoding).decode(head, { stream: true })
  refuseOtherText(text)
  return { ...detected, delimiter: detectDelimiter(text, head.length >= headBytes || cutOff) }
}

/**
 * Opens a file, reads its headers, and reads its rows as they are asked for, in constant memory.
 *
 * @throws DomainError IMPORT_UNREADABLE where there is no header; while the rows are read, also for a quote that is never closed
 */
export async function openCsv(chunks: AsyncIterable<Uint8Array>, format: CsvFormat): Promise<CsvFile> {
  const records = readRecords(chunks, format)
  let first = await records.next()
  if (first.done !== true && /^sep=[,;\t]?$/i.test(first.value.cells[0] ?? '')) first = await records.next()
  if (first.done === true) throw unreadable('The file is empty. Choose the CSV file that your CRM exported.')

  const raw = first.value.cells
  const spaced = raw.some(hasSpacedQuotes)
  const headers = distinctHeaders(spaced ? raw.map(withoutSpacedQuotes) : raw)
  return {
    headers,
    rows: fitRows(records, headers.length, spaced),
    close: async () => void (await records.return(undefined)),
  }
}

async function* fitRows(records: AsyncIterable<CsvRow>, width: number, spaced: boolean): AsyncGenerator<CsvRow> {
  for await (const { line, cells } of records) {
    const row = spaced ? cells.map(withoutSpacedQuotes) : cells
    while (row.length < width) row.push('')
    yield { line, cells: row }
  }
}

/** True for a cell whose quotes the parser kept, because white space follows the closing one, as in `"First name" , "Email"`. */
function hasSpacedQuotes(cell: string): boolean {
  return cell.length > 2 && cell.startsWith('"') && cell.trimEnd() !== cell && cell.trimEnd().endsWith('"')
}
function withoutSpacedQuotes(cell: string): string {
  return hasSpacedQuotes(cell) ? cell.trimEnd().slice(1, -1) : cell
}

/**
 * Converts the beginning of a file to UTF-8, without its last row where that is incomplete: where a quote of the row is still
 * open, or where `cutOff` says so.
 */
export function completeRows(beginning: Buffer, encoding: CsvEncoding, cutOff: boolean): Buffer {
  const text = new TextDecoder(encoding).decode(beginning, { stream: true })
  let quoted = false
  let end = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '"') quoted = !quoted
    else if (!quoted && (character === '\n' || character === '\r')) end = at + 1
  }
  return Buffer.from((quoted || cutOff) && end > 0 ? text.slice(0, end) : text)
}

/** Makes the headers of a file from its first row; see `CsvFile.headers`. */
function distinctHeaders(cells: string[]): string[] {
  const taken = new Set<string>()
  return cells.map((cell, index) => {
    const name = cell.replaceAll(/\s+/g, ' ').trim() || `Column ${index + 1}`
    let distinct = name
    for (let count = 2; taken.has(distinct); count += 1) distinct = `${name} (${count})`
    taken.add(distinct)
    return distinct
  })
}

/** Reads every record that is not blank, the header included. */
async function* readRecords(chunks: AsyncIterable<Uint8Array>, format: CsvFormat): AsyncGenerator<CsvRow> {
  // The parser counts a line break of two characters inside quotes twice, so the lines are counted here: a record has one
  // line, and one more for each line break in its cells. The parser counts the blank lines between records.
  let linesOfRecords = 1
  const parser = new Parser({
    delimiter: format.delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    ltrim: true,
    skip_empty_lines: true,
    max_record_size: rowMaximumBytes,
    on_record: (cells: string[], info) => {
      const line = linesOfRecords + info.empty_lines
      linesOfRecords += 1 + lineBreaks(cells)
      if (cells.every((cell) => cell.trim() === '')) return null
      // The parser accepts any object as a record, but its types allow only arrays.
      return { line, cells } as unknown as string[]
    },
  })
  pipeline(Readable.from(toUtf8(chunks, format.encoding)), parser, () => undefined)
  try {
    yield* parser as AsyncIterable<CsvRow>
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw unreadable(sentenceFor(error, linesOfRecords + parser.info.empty_lines))
  }
}

function lineBreaks(cells: string[]): number {
  let count = 0
  for (const cell of cells) {
    if (cell.includes('\n') || cell.includes('\r')) count += cell.match(/\r\n|\r|\n/g)?.length ?? 0
  }
  return count
}

function sentenceFor(error: CsvError, line: number): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') {
    return `The file is cut off, or a closing quote is missing: a quoted cell in the row at line ${line} never ends. Export the file again and upload all of it.`
  }
  if (error.code === 'CSV_MAX_RECORD_SIZE') {
    return `The row at line ${line} does not end: perhaps a closing quote is missing. Mend that row, or export the file again.`
  }
  return `The file cannot be read as CSV near line ${line}. Export it again.`
}
