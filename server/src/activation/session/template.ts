import type { TemplateSource } from '../../mail/composing/types.ts'

/** What a session keeps of the settings as they were at its start: what its mails are made of, and when failures hold it. */
export interface SessionTemplate {
  source: TemplateSource
  /** The From header. */
  from: string
  /** What activation links begin with. */
  publicUrl: string
  linkLifeDays: number
  /** Failures beyond this share of the mails tried hold the session; null: never. */
  failureShare: number | null
}
