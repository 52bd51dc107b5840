import { Type, type Static } from 'typebox'
import {
  Count,
  Cursor,
  Limit,
  nullable,
  oneOf,
  SearchText,
  strict,
  countedListOf,
  Timestamp,
  Uuid,
} from './basics.schema.ts'
import { accountStatuses, leadStatuses, sessionStatuses } from './statuses.ts'

/** The fields of a lead that a person or a file gives, with the highest number of characters of each. */
export const leadFieldLengths = {
  email: 254,
  firstName: 200,
  lastName: 200,
  company: 300,
  phone: 100,
  source: 200,
  owner: 200,
  stage: 200,
  notes: 20_000,
} as const
export const leadFields = Object.keys(leadFieldLengths) as LeadField[]
export type LeadField = keyof typeof leadFieldLengths

const text = (field: LeadField) => Type.String({ maxLength: leadFieldLengths[field] })

export const Lead = strict({
  id: Uuid,
  email: Type.String(),
  firstName: Type.String(),
  lastName: Type.String(),
  company: Type.String(),
  phone: Type.String(),
  source: Type.String(),
  owner: Type.String(),
  stage: Type.String(),
  notes: Type.String(),
  status: oneOf(leadStatuses),
  createdAt: Timestamp,
  updatedAt: Timestamp,
})
export type Lead = Static<typeof Lead>

export const NewLead = strict({
  email: text('email'),
  firstName: Type.Optional(text('firstName')),
  lastName: Type.Optional(text('lastName')),
  company: Type.Optional(text('company')),
  phone: Type.Optional(text('phone')),
  source: Type.Optional(text('source')),
  owner: Type.Optional(text('owner')),
  stage: Type.Optional(text('stage')),
  notes: Type.Optional(text('notes')),
})
export type NewLead = Static<typeof NewLead>

/** The body of `POST /crm/leads`: one lead, or up to 1,000. */
export const NewLeads = Type.Union([NewLead, strict({ leads: Type.Array(NewLead, { minItems: 1, maxItems: 1000 }) })])
export type NewLeads = Static<typeof NewLeads>

export const LeadsCreated = strict({
  created: Count,
  updated: Count,
  unchanged: Count,
  leads: Type.Array(Lead),
})

/** The parameters that filter a list of leads. The `filter` of a selection has the same fields. */
export const leadFilterProperties = {
  q: Type.Optional(SearchText),
  status: Type.Optional(oneOf(leadStatuses)),
  source: Type.Optional(Type.String({ maxLength: 200 })),
  owner: Type.Optional(Type.String({ maxLength: 200 })),
  importId: Type.Optional(Uuid),
}
export const LeadFilter = strict(leadFilterProperties)
export type LeadFilter = Static<typeof LeadFilter>

export const leadSorts = [
  'createdAt',
  '-createdAt',
  'email',
  '-email',
  'lastName',
  '-lastName',
  'company',
  '-company',
] as const
export type LeadSort = (typeof leadSorts)[number]

export const LeadsQuery = strict({
  ...leadFilterProperties,
  sort: Type.Optional(oneOf(leadSorts)),
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
})
export type LeadsQuery = Static<typeof LeadsQuery>
export const LeadsList = countedListOf(Lead)
export const LeadsCount = strict({ total: Count })

/** The values that the filters of the page of leads offer. */
export const LeadFacets = strict({ sources: Type.Array(Type.String()), owners: Type.Array(Type.String()) })
export type LeadFacets = Static<typeof LeadFacets>

export const LeadDetail = strict({
  lead: Lead,
  account: nullable(
    strict({
      id: Uuid,
      status: oneOf(accountStatuses),
      createdAt: Timestamp,
      activatedAt: nullable(Timestamp),
      linkExpiresAt: Timestamp,
    }),
  ),
  sessions: Type.Array(
    strict({
      sessionId: Type.String(),
      status: oneOf(sessionStatuses),
      createdAt: Timestamp,
      account: Type.String(),
      mail: Type.String(),
      reason: nullable(Type.String()),
    }),
  ),
})
export type LeadDetail = Static<typeof LeadDetail>

/** The header of the column of each field. A field without a column is left out. */
export const ImportMapping = Type.Partial(
  strict(
    Object.fromEntries(leadFields.map((field) => [field, Type.String({ maxLength: 1000 })])) as Record<
      LeadField,
      ReturnType<typeof Type.String>
    >,
  ),
  { additionalProperties: false },
)
export type ImportMapping = Partial<Record<LeadField, string>>

export const Rejection = strict({ line: Type.Integer(), reason: Type.String(), value: Type.String() })
export type Rejection = Static<typeof Rejection>

export const ImportResult = strict({
  importId: Uuid,
  rows: Count,
  created: Count,
  updated: Count,
  unchanged: Count,
  rejected: Count,
  /** The first 1,000 rejected rows. `GET /crm/leads/imports/:importId/rejections.csv` returns all of them. */
  rejections: Type.Array(Rejection),
})
export type ImportResult = Static<typeof ImportResult>

/** The answer of `POST /crm/leads/import/preview`, which describes a file by its beginning. */
export const ImportPreview = strict({
  encoding: Type.String(),
  delimiter: Type.String(),
  /** The headers of the file. Where the file has one twice, they are numbered: `Email`, `Email (2)`. */
  headers: Type.Array(Type.String()),
  /** The first rows, one array of cells a row, in the order of `headers`. */
  rows: Type.Array(Type.Array(Type.String())),
  /** The mapping that Rollcall finds by the headers. */
  mapping: ImportMapping,
})
export type ImportPreview = Static<typeof ImportPreview>
