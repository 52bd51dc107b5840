import type { SessionOptions } from '@rollcall/shared'
import { countOf, formatSeconds, formatTime } from '../words/numbers.ts'

/** What was asked for beyond the usual, one phrase each; nothing for a session with the usual options. */
export function unusualOptions(options: SessionOptions): string[] {
  const { mail, remind, unconfirmed, startAt, delaySeconds, canary } = options
  const phrases = [
    startAt && `to start ${formatTime(startAt)}`,
    delaySeconds && `first mail after ${formatSeconds(delaySeconds)}`,
    canary && `hold after the first ${countOf(canary, 'mail')}`,
    mail === false && 'without mails',
    remind && 'reminding those invited earlier',
    unconfirmed === 'resend' && 'sending again when an answer is lost',
  ]
  return phrases.filter((phrase) => typeof phrase === 'string' && phrase !== '') as string[]
}
