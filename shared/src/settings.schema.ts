import { Type, type Static } from 'typebox'
import { nullable, Person, strict, Timestamp } from './basics.schema.ts'

const MailsPerSecond = Type.Number({ minimum: 0.01, maximum: 10_000 })

/** The most mails a second to addresses of one domain. Stored as a lower-case host name in ASCII. */
export const DomainRate = strict({
  domain: Type.String({ minLength: 1, maxLength: 253 }),
  mailsPerSecond: MailsPerSecond,
})
export type DomainRate = Static<typeof DomainRate>

const settings = {
  /** Finished sessions older than so many days are removed; null: never. */
  retentionDays: nullable(Type.Integer({ minimum: 1, maximum: 3650 })),
  /** For the whole mail server; null: no limit. */
  mailsPerSecond: nullable(MailsPerSecond),
  /** Each domain at most once. */
  domainRates: Type.Array(DomainRate, { maxItems: 200 }),
  /** How long the activation links of sessions that start from now on are good. */
  linkLifeDays: Type.Integer({ minimum: 1, maximum: 90 }),
  /** More failures than this share of the mails tried, after at least 50, hold a session; null: never. */
  failureShare: nullable(Type.Number({ minimum: 0.01, maximum: 1 })),
}

/** What a superadmin changes while Rollcall runs. */
export const Settings = strict(settings)
export type Settings = Static<typeof Settings>

/** `PATCH /settings`: what is named changes, the rest stays. */
export const SettingsPatch = Type.Partial(strict(settings), { additionalProperties: false })
export type SettingsPatch = Static<typeof SettingsPatch>

/** `GET /settings`, and the answer to a change: what holds now, and who changed anything last. */
export const SettingsAnswer = strict({
  ...settings,
  changed: nullable(strict({ at: Timestamp, by: Person })),
})
export type SettingsAnswer = Static<typeof SettingsAnswer>
