import {
  leadFields,
  leadFieldLengths,
  type Lead,
  type LeadDetail,
  type LeadFacets,
  type NewLead,
} from '@rollcall/shared'
import type { Database, Queryable } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkAddress } from '../mail/address.ts'
import { distinctValues, leadById, leadsByKey, upsertLeads, type KeyedLead, type LeadValues } from './leads.queries.ts'
import { excerpt, storableText } from './text.ts'

/** The highest number of sources, and of owners, that the filters of the list offer. */
const facetMaximum = 500

/** Returns the sources and owners that leads have, in alphabetical order. */
export async function leadFacets(database: Database): Promise<LeadFacets> {
  const [sources, owners] = await Promise.all([
    distinctValues(database, 'source', facetMaximum),
    distinctValues(database, 'owner', facetMaximum),
  ])
  const { compare } = new Intl.Collator('en')
  return { sources: sources.toSorted(compare), owners: owners.toSorted(compare) }
}

/** The functions by which this feature gets what other features know about a lead. */
export interface LeadContext {
  accountOfLead: (leadId: string) => Promise<LeadDetail['account']>
  sessionsOfLead: (leadId: string) => Promise<LeadDetail['sessions']>
}

/** Returns a lead with its account and its sessions. Throws LEAD_NOT_FOUND where there is none. */
export async function leadDetail(database: Database, id: string, context: LeadContext): Promise<LeadDetail> {
  const lead = await leadById(database, id)
  if (lead === null) throw new DomainError('LEAD_NOT_FOUND', 'There is no such lead.')
  const [account, sessions] = await Promise.all([context.accountOfLead(id), context.sessionsOfLead(id)])
  return { lead: presentLead(lead), account, sessions }
}

export interface LeadCounts {
  created: number
  updated: number
  unchanged: number
}

/**
 * Stores leads that a person typed or a program sent, all of them or none. A lead whose address is already stored is updated.
 * Returns the leads as they are stored, one for each address.
 *
 * @throws DomainError INVALID_ADDRESS or INVALID_TEXT, whose details say which lead and field
 */
export async function addLeads(database: Database, given: NewLead[]): Promise<LeadCounts & { leads: Lead[] }> {
  const rows = given.map((lead, index) => {
    const values = Object.fromEntries(leadFields.map((field) => [field, (lead[field] ?? '').trim()])) as LeadValues
    const where = given.length === 1 ? '' : `Lead ${index + 1}: `
    const problem = problemOfLead(values)
    if (problem !== null) {
      const code = problem.field === 'email' ? 'INVALID_ADDRESS' : 'INVALID_TEXT'
      throw new DomainError(code, `${where}${problem.reason}`, { index, field: problem.field, value: problem.value })
    }
    return keyedLead(values)
  })
  return database.transaction(async (transaction) => {
    const counts = await storeLeads(transaction, rows, null)
    const keys = [...new Set(rows.map((row) => row.emailKey))]
    const stored = new Map((await leadsByKey(transaction, keys)).map((lead) => [lead.emailKey, lead]))
    return { ...counts, leads: keys.flatMap((key) => stored.get(key) ?? []).map(presentLead) }
  })
}

export interface LeadProblem {
  field: keyof LeadValues
  reason: string
  value: string
}

/** Returns the first reason why these values cannot be stored as a lead, as a sentence; null where they can. */
export function problemOfLead(values: LeadValues): LeadProblem | null {
  for (const field of leadFields) {
    const value = values[field]
    const problem = field === 'email' ? problemOfAddress(value) : problemOfText(field, value)
    if (problem !== null) return { field, reason: problem, value: excerpt(value) }
  }
  return null
}

function problemOfAddress(value: string): string | null {
  const checked = checkAddress(value)
  return checked.ok ? null : checked.reason
}

function problemOfText(field: keyof LeadValues, value: string): string | null {
  if (!storableText(value)) return `The ${nameOf(field)} has a character that cannot be stored.`
  const maximum = leadFieldLengths[field]
  if (value.length <= maximum) return null
  const length = Array.from(value).length
  return length <= maximum ? null : `The ${nameOf(field)} has ${length} characters; at most ${maximum} fit.`
}

/** Returns the name of a field in a sentence, for example "first name" for `firstName`. */
export function nameOf(field: keyof LeadValues): string {
  return field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** Adds the key of the address to values in which `problemOfLead` finds no problem. */
export function keyedLead(values: LeadValues): KeyedLead {
  const checked = checkAddress(values.email)
  if (!checked.ok) throw new Error('A lead without a valid address reached the store.')
  return { ...values, email: checked.address, emailKey: checked.key }
}

/**
 * Stores leads in the order in which they are given. A later lead with the same address updates the earlier one, and counts as
 * updated or unchanged, so the three counts add up to the number of leads that were given.
 */
export async function storeLeads(database: Queryable, rows: KeyedLead[], importId: string | null): Promise<LeadCounts> {
  const firsts = new Map<string, KeyedLead>()
  const again: KeyedLead[] = []
  for (const row of rows) {
    if (firsts.has(row.emailKey)) again.push(row)
    else firsts.set(row.emailKey, row)
  }
  const doubled = [...new Set(again.map((row) => row.emailKey))]
  const { states, ...counts } = await upsertLeads(database, [...firsts.values()], importId, doubled)

  const latest = new Map(states.map((state) => [state.emailKey, state]))
  for (const row of again) {
    const { values, changed } = layOver(latest.get(row.emailKey) ?? row, row)
    latest.set(row.emailKey, values)
    if (changed) counts.updated += 1
    else counts.unchanged += 1
  }
  if (latest.size > 0) await upsertLeads(database, [...latest.values()], importId, [])
  return counts
}

/** Returns the values after an update as `upsertLeads` makes it: a value that is not empty replaces the stored one. */
function layOver(stored: KeyedLead, row: KeyedLead): { values: KeyedLead; changed: boolean } {
  const values = { ...stored }
  for (const field of leadFields) if (row[field] !== '') values[field] = row[field]
  return { values, changed: leadFields.some((field) => values[field] !== stored[field]) }
}

/** Returns a lead with the fields of the contract, without the other columns of its row. */
export function presentLead(row: Lead): Lead {
  const { id, email, firstName, lastName, company, phone, source, owner, stage, notes, status, createdAt, updatedAt } =
    row
  return { id, email, firstName, lastName, company, phone, source, owner, stage, notes, status, createdAt, updatedAt }
}
