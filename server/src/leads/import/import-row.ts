import { leadFields, type ImportMapping, type Rejection } from '@rollcall/shared'
import type { CsvRow } from './csv/reader.ts'
import { splitFullName } from './headers.ts'
import type { KeyedLead, LeadValues } from '../leads.queries.ts'
import { keyedLead, nameOf, problemOfLead } from '../leads.usecases.ts'
import { excerpt } from '../text.ts'

export interface ImportColumns {
  /** The number of headers of the file. */
  width: number
  /** The index of the column of each field that has one. */
  indexOf: Partial<Record<keyof LeadValues, number>>
  /** True where some bytes of the file do not fit its encoding. */
  damaged: boolean
}

/** Finds the columns of the fields of a mapping. Its headers must be among those of the file. */
export function columnsOf(headers: string[], mapping: ImportMapping, damaged: boolean): ImportColumns {
  const indexOf: ImportColumns['indexOf'] = {}
  for (const field of leadFields) {
    const header = mapping[field]
    if (header !== undefined) indexOf[field] = headers.indexOf(header)
  }
  return { width: headers.length, indexOf, damaged }
}

/** Makes a lead of a row, or a rejection with the reason. A value that is too long is rejected and never shortened. */
export function leadOfRow(row: CsvRow, columns: ImportColumns): { lead: KeyedLead } | { rejection: Rejection } {
  const reject = (reason: string, value: string) => ({ rejection: { line: row.line, reason, value: excerpt(value) } })

  const beyond = row.cells.slice(columns.width)
  if (beyond.some((cell) => cell.trim() !== '')) {
    return reject(
      `The row has ${row.cells.length} cells and the header ${columns.width}: perhaps a text with a delimiter is not in quotes.`,
      beyond.join(' | '),
    )
  }

  const values = valuesOf(row.cells, columns.indexOf)
  const broken = columns.damaged ? leadFields.find((field) => values[field].includes('\ufffd')) : undefined
  if (broken !== undefined) {
    return reject(`The ${nameOf(broken)} has bytes that do not fit the encoding of the file.`, values[broken])
  }
  const problem = problemOfLead(values)
  return problem === null ? { lead: keyedLead(values) } : reject(problem.reason, problem.value)
}

function valuesOf(cells: string[], indexOf: ImportColumns['indexOf']): LeadValues {
  const cellOf = (field: keyof LeadValues) => {
    const index = indexOf[field]
    return index === undefined ? '' : (cells[index] ?? '').trim()
  }
  const values = Object.fromEntries(leadFields.map((field) => [field, cellOf(field)])) as LeadValues
  const wholeName = indexOf.firstName !== undefined && indexOf.firstName === indexOf.lastName
  return wholeName ? { ...values, ...splitFullName(values.firstName) } : values
}
