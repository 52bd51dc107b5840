import { accountReasons, mailReasons } from '@rollcall/shared/reasons'
import { words } from './index.ts'

function sentence(sentences: Record<string, string>, code: string | null): string | null {
  return code === null ? null : (sentences[code] ?? code)
}

/** The sentence for an account's reason; the code itself where this version does not know it. */
export function accountReason(code: string | null): string | null {
  return sentence(words.reasons.account, code)
}

/** The sentence for a mail's reason; the code itself where this version does not know it. */
export function mailReason(code: string | null): string | null {
  return sentence(words.reasons.mail, code)
}

/** The sentence for a reason of either kind; the mail's is the more telling one. */
export function itemReason(code: string | null): string | null {
  return code !== null && code in words.reasons.mail ? mailReason(code) : accountReason(code)
}

/** Why a session is held; null for a code that this version does not know. */
export function holdReason(code: string | null): string | null {
  return code === null ? null : ((words.reasons.hold as Record<string, string>)[code] ?? null)
}

/** Who decided a mail's outcome, as a sentence; null where the mail server's answer did. */
export function settledBy(who: string | null): string | null {
  if (who === null || who === 'answer') return null
  return (words.reasons.settledBy as Record<string, string>)[who] ?? words.reasons.settledByOther(who)
}

/** The code of every reason that an item can carry. */
export const reasonCodes = [...new Set([...Object.keys(mailReasons), ...Object.keys(accountReasons)])]

/** The reasons to choose from in a filter. */
export function reasonOptions(): { value: string; label: string }[] {
  return reasonCodes.map((value) => ({ value, label: words.reasons.short(value) }))
}
