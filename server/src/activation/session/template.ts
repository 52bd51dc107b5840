import type { TemplateSource } from '../../mail/composing/types.ts'

/** All that a session's mails are made of, kept with the session: later changes of a setting change no mail of it. */
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
