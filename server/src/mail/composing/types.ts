/** A mail template as it is stored; all three parts are Liquid. */
export interface TemplateSource {
  subject: string
  html: string
  text: string
}

/** One person's data for a mail. */
export interface MailInput {
  to: string
  firstName: string
  lastName: string
  company?: string
  link: string
  /** The Message-ID, with its angle brackets. */
  messageId: string
  date: Date
}
