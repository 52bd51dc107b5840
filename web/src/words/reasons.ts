import { accountReasons, mailReasons, type AccountReason, type MailReason } from '@rollcall/shared/reasons'

/** The sentence for an account's reason; the word itself where this version does not know it. */
export function accountReason(reason: string | null): string | null {
  return reason === null ? null : (accountReasons[reason as AccountReason] ?? reason)
}

/** The sentence for a mail's reason; the word itself where this version does not know it. */
export function mailReason(reason: string | null): string | null {
  return reason === null ? null : (mailReasons[reason as MailReason] ?? reason)
}

/** The sentence for a reason of either kind; the mail's is the more telling one. */
export function itemReason(reason: string | null): string | null {
  return reason !== null && reason in mailReasons ? mailReason(reason) : accountReason(reason)
}

const settlers: Record<string, string> = {
  person: 'A person marked it as sent.',
  activation: 'The person used the link, so it arrived.',
  takeover: 'Settled when another process took over.',
}

/** Who settled a mail's outcome, as a sentence; null where the mail server's answer did. */
export function settledBy(who: string | null): string | null {
  return who === null || who === 'answer' ? null : (settlers[who] ?? `Settled by ${who}.`)
}

/** Every reason an item can carry, to choose from. */
export const reasonOptions = [...new Set([...Object.keys(mailReasons), ...Object.keys(accountReasons)])].map(
  (value) => ({
    value,
    label: value.replaceAll('_', ' '),
  }),
)
