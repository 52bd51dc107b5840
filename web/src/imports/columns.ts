import type { ImportMapping } from '@rollcall/shared'
import { leadFieldNames } from '../leads/lead-fields.ts'

/** The order to show a file's columns in: those that are imported first, the e-mail first of all, then the others as in the file. */
export function columnOrder(headers: readonly string[], mapping: ImportMapping): number[] {
  const mapped = leadFieldNames.map((field) => headers.indexOf(mapping[field] ?? '')).filter((column) => column >= 0)
  return [...new Set([...mapped, ...headers.keys()])]
}
