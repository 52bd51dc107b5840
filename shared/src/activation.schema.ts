import { Type, type Static } from 'typebox'
import {
  Count,
  countedListOf,
  Cursor,
  Limit,
  nullable,
  oneOf,
  Person,
  SearchText,
  strict,
  Timestamp,
  Uuid,
} from './basics.schema.ts'
import { counterTable } from './counters.ts'
import { LeadFilter } from './leads.schema.ts'
import { accountStates, eventTypes, mailStates, sessionStatuses } from './statuses.ts'

/** The id of a session: `activation_{milliseconds}_{random}`, where the milliseconds are the time at which it was made. */
export const SessionId = Type.String({ pattern: '^activation_[0-9]{13}_[a-z0-9]{6,32}$' })

/** The parameters of the path of one session. An id in another form passes, so that it is answered with SESSION_NOT_FOUND. */
export const SessionParams = Type.Object({ sessionId: Type.String({ maxLength: 100 }) })

export const Selection = Type.Union([
  strict({ ids: Type.Array(Uuid, { maxItems: 10_000 }) }),
  strict({ filter: LeadFilter, except: Type.Optional(Type.Array(Uuid, { maxItems: 10_000 })) }),
])
export type Selection = Static<typeof Selection>

export const unconfirmedPolicies = ['hold', 'resend'] as const
export const SessionOptions = strict({
  mail: Type.Optional(Type.Boolean()),
  remind: Type.Optional(Type.Boolean()),
  unconfirmed: Type.Optional(oneOf(unconfirmedPolicies)),
  startAt: Type.Optional(Timestamp),
  delaySeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 3600 })),
  canary: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
})
export type SessionOptions = Static<typeof SessionOptions>

export const PreviewRequest = strict({ selection: Selection })
export const Preview = strict({
  total: Count,
  willCreate: Count,
  active: Count,
  invited: Count,
  invalid: Count,
  recentlyMailed: Count,
  sample: Type.Array(strict({ id: Uuid, email: Type.String(), firstName: Type.String(), lastName: Type.String() })),
})
export type Preview = Static<typeof Preview>

export const StartRequest = strict({
  sessionId: Type.Optional(SessionId),
  selection: Selection,
  options: Type.Optional(SessionOptions),
})
export type StartRequest = Static<typeof StartRequest>

/** Makes the schema of an object with one count for each of these states. */
function countsOf<State extends string>(states: readonly State[]) {
  return strict(Object.fromEntries(states.map((state) => [state, Count])) as Record<State, typeof Count>)
}

export const Progress = strict({
  sessionId: Type.String(),
  version: Type.Integer({ minimum: 1 }),
  status: oneOf(sessionStatuses),
  reason: nullable(Type.String()),
  total: Count,
  completed: Type.Boolean(),
  accounts: countsOf(counterTable.accounts),
  mails: countsOf(counterTable.mails),
  mailsPerSecond: nullable(Type.Number()),
  secondsLeft: nullable(Type.Number()),
  startedBy: Person,
  createdAt: Timestamp,
  startedAt: nullable(Timestamp),
  updatedAt: Timestamp,
  finishedAt: nullable(Timestamp),
})
export type Progress = Static<typeof Progress>

export const SessionEvent = strict({
  at: Timestamp,
  type: oneOf(eventTypes),
  actor: nullable(Person),
  cause: nullable(Type.String()),
  details: Type.Record(Type.String(), Type.Unknown()),
})
export type SessionEvent = Static<typeof SessionEvent>

export const SessionsQuery = strict({
  active: Type.Optional(Type.Boolean()),
  status: Type.Optional(oneOf(sessionStatuses)),
  startedBy: Type.Optional(Type.String({ maxLength: 100 })),
  from: Type.Optional(Timestamp),
  to: Type.Optional(Timestamp),
  q: Type.Optional(SearchText),
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
})
export type SessionsQuery = Static<typeof SessionsQuery>

export const SessionDetail = strict({
  progress: Progress,
  options: SessionOptions,
  selection: Selection,
  startedBy: Person,
  events: Type.Array(SessionEvent),
})
export type SessionDetail = Static<typeof SessionDetail>

export const SnapshotsQuery = strict({ limit: Type.Optional(Limit) })
export const Snapshots = strict({ items: Type.Array(Progress) })

export const Item = strict({
  lead: strict({ id: Uuid, email: Type.String(), firstName: Type.String(), lastName: Type.String() }),
  account: strict({
    state: oneOf(accountStates),
    reason: nullable(Type.String()),
    accountId: nullable(Uuid),
  }),
  mail: strict({
    state: oneOf(mailStates),
    reason: nullable(Type.String()),
    tries: Count,
    nextTryAt: nullable(Timestamp),
    reply: nullable(Type.String()),
    messageId: nullable(Type.String()),
    sentAt: nullable(Timestamp),
    settledBy: nullable(Type.String()),
  }),
})
export type Item = Static<typeof Item>
export const ItemsList = countedListOf(Item)
export const ItemsCount = strict({ total: Count })

export const itemFilterProperties = {
  account: Type.Optional(oneOf(accountStates)),
  mail: Type.Optional(oneOf(mailStates)),
  reason: Type.Optional(Type.String({ maxLength: 60 })),
  q: Type.Optional(SearchText),
}
export const ItemsQuery = strict({
  ...itemFilterProperties,
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
})
export type ItemsQuery = Static<typeof ItemsQuery>
export const ItemsCsvQuery = strict(itemFilterProperties)
export type ItemFilter = Static<typeof ItemsCsvQuery>

export const RetryRequest = strict({
  mail: oneOf(['failed', 'unconfirmed']),
  reason: Type.Optional(Type.String({ maxLength: 60 })),
})
export type RetryRequest = Static<typeof RetryRequest>

/** The body by which a person says that the unconfirmed mails of a session were sent. */
export const SettleRequest = strict({ mail: oneOf(['unconfirmed']), as: oneOf(['sent']) })
export type SettleRequest = Static<typeof SettleRequest>
