/** The reasons for the outcome of an account, each with the sentence that a person reads. */
export const accountReasons = {
  already_active: 'This address already has an account that is in use.',
  already_invited: 'This address already has an account, and no password has been set for it yet.',
  invalid_address: 'This is not an address that mail can be sent to.',
  cancelled: 'The session was cancelled before the account was created.',
} as const
export type AccountReason = keyof typeof accountReasons

/** The reasons for the outcome of a mail, each with the sentence that a person reads. */
export const mailReasons = {
  mail_off: 'The session was started without mails.',
  already_active: 'The person already has an account that is in use, so no mail was needed.',
  already_invited: 'The person already has an account that waits for a password; only a reminder mails them.',
  account_failed: 'No account could be created, so there was nothing to mail.',
  temporary_failure: 'The mail server asked to try again later; Rollcall will.',
  address_refused: 'The mail server does not know this address.',
  mailbox_full: "The person's mailbox is full.",
  refused: 'The mail server refused this mail.',
  not_composable: 'The mail could not be made from the template and the data of this person.',
  gave_up: 'The mail server kept asking to try again later, and Rollcall stopped after two days.',
  answer_lost: 'The mail was handed over and the answer was lost: it may or may not have arrived.',
  worker_lost: 'The process that was sending this mail stopped: it may or may not have arrived.',
  cancelled: 'The session was cancelled before the mail was sent.',
} as const
export type MailReason = keyof typeof mailReasons

/** The reasons for which Rollcall holds a session, each with the sentence that a person reads. */
export const holdReasons = {
  mail_server_down: 'The mail server cannot be reached. Rollcall keeps trying and goes on by itself.',
  mail_sign_in_refused: 'The mail server refused the sign-in. Correct SMTP_URL, restart, then press Resume.',
  mail_server_refuses: 'The mail server refuses every mail. Read its answer, mend the cause, then press Resume.',
  mail_quota: "The mail server's quota is used up. Press Resume when there is quota again.",
  message_too_large: 'The mail server finds the mail too large. Shorten the template, then press Resume.',
  too_many_failures: 'Too many mails failed. Look at the reasons, then press Resume or Cancel.',
  canary: 'The first mails were sent. Look at them, then press Resume to send the rest.',
  late_start: 'The start time passed while Rollcall was not running. Press Resume to start now.',
} as const
export type HoldReason = keyof typeof holdReasons
