import { app, common, forbidden, pages, signIn } from './en/app.ts'
import { imports } from './en/imports.ts'
import { lead, leads } from './en/leads.ts'
import { mailbox } from './en/mailbox.ts'
import { bytes, counts, pager } from './en/quantities.ts'
import { reasons } from './en/reasons.ts'
import { review } from './en/review.ts'
import { events, session, sessions } from './en/sessions.ts'
import { settings } from './en/settings.ts'
import { states } from './en/states.ts'
import { tracker } from './en/tracker.ts'

/** Every sentence of the screens in English, grouped by page. Another language is an object of the same shape. */
export const en = {
  app,
  bytes,
  common,
  counts,
  events,
  forbidden,
  imports,
  lead,
  leads,
  mailbox,
  pager,
  pages,
  reasons,
  review,
  session,
  sessions,
  settings,
  signIn,
  states,
  tracker,
}
