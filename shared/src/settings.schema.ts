import { Type, type Static } from 'typebox'
import { nullable, Person, strict, Timestamp } from './basics.schema.ts'

const MailsPerSecond = Type.Number({ minimum: 0.01, maximum: 10_000 })

/** The highest rate of mails to addresses of one domain. The domain is stored as a lower-case host name in ASCII. */
export const DomainRate = strict({
  domain: Type.String({ minLength: 1, maxLength: 253 }),
  mailsPerSecond: MailsPerSecond,
})
export type DomainRate = Static<typeof DomainRate>

const settings = {
  /** Finished sessions that are older than this number of days are removed; null: they are never removed. */
  retentionDays: nullable(Type.Integer({ minimum: 1, maximum: 3650 })),
  /** The highest rate of mails over the whole mail server; null: there is no limit. */
  mailsPerSecond: nullable(MailsPerSecond),
  /** The rates of domains, each of which may occur once. */
  domainRates: Type.Array(DomainRate, { maxItems: 200 }),
  /** The days for which activation links are good, for sessions that start after the change. */
  linkLifeDays: Type.Integer({ minimum: 1, maximum: 90 }),
  /** The share of failed mails, after at least 50 attempts, above which a session is held; null: it is never held for failures. */
  failureShare: nullable(Type.Number({ minimum: 0.01, maximum: 1 })),
}

/** The settings that a superadmin can change while Rollcall runs. */
export const Settings = strict(settings)
export type Settings = Static<typeof Settings>

/** The body of `PATCH /settings`, which changes the settings that it names and keeps the others. */
export const SettingsPatch = Type.Partial(strict(settings), { additionalProperties: false })
export type SettingsPatch = Static<typeof SettingsPatch>

/** The answer of `GET /settings` and of a change: the current settings, and who made the last change. */
export const SettingsAnswer = strict({
  ...settings,
  changed: nullable(strict({ at: Timestamp, by: Person })),
})
export type SettingsAnswer = Static<typeof SettingsAnswer>
