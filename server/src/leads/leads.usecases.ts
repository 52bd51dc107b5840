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

/** How many sources and owners the filters offer at most. */
const facetMaximum = 500

/** The sources and owners that leads have, in the order of the alphabet. */
export async function leadFacets(database: Database): Promise<LeadFacets> {
  const [sources, owners] = await Promise.all([
    distinctValues(database, 'source', facetMaximum),
    distinctValues(database, 'owner', facetMaximum),
  ])
  const { compare } = new Intl.Collator('en')
  return { sources: sources.toSorted(compare), owners: owners.toSorted(compare) }
}

/** What other features know about a lead. */
export interface LeadContext {
  accountOfLead: (leadId: string) => Promise<LeadDetail['account']>
  sessionsOfLead: (leadId: string) => Promise<LeadDetail['sessions']>
}

/** A lead with its account and its sessions. */
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
 * Stores leads that a person typed or a program sent, all or none; an address that is known is updated. Gives them as they
 * are stored, one for each address.
 *
 * @throws DomainError INVALID_ADDRESS or INVALID_TEXT, telling which lead
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

/** Why these values cannot be a lead, as a sentence; null when they can. */
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

/** `firstName` in a sentence: first name. */
export function nameOf(field: keyof LeadValues): string {
  return field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** Values without a problem, ready to be stored. */
export function keyedLead(values: LeadValues): KeyedLead {
  const checked = checkAddress(values.email)
  if (!checked.ok) throw new Error('A lead without a valid address reached the store.')
  return { ...values, email: checked.address, emailKey: checked.key }
}

/**
 * Stores leads in the order in which they were given: a later one with the same address updates the earlier, and counts as
 * updated or unchanged. The three counts add up to the leads that were given.
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

/** What is stored, with a row laid over it as the store does: an empty value leaves what is there. */
function layOver(stored: KeyedLead, row: KeyedLead): { values: KeyedLead; changed: boolean } {
  const values = { ...stored }
  for (const field of leadFields) if (row[field] !== '') values[field] = row[field]
  return { values, changed: leadFields.some((field) => values[field] !== stored[field]) }
}

/** A lead as the contract has it; what else a row carries stays behind. */
export function presentLead(row: Lead): Lead {
  const { id, email, firstName, lastName, company, phone, source, owner, stage, notes, status, createdAt, updatedAt } =
    row
  return { id, email, firstName, lastName, company, phone, source, owner, stage, notes, status, createdAt, updatedAt }
}
