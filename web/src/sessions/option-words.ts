import type { SessionOptions } from '@rollcall/shared'
import { words } from '../words/index.ts'

/** What was asked for beyond the usual, one phrase each; nothing for a session with the usual options. */
export function unusualOptions(options: SessionOptions): string[] {
  const { mail, remind, unconfirmed, startAt, delaySeconds, canary } = options
  const said = words.session.options
  const phrases = [
    startAt && said.startAt(startAt),
    delaySeconds && said.delay(delaySeconds),
    canary && said.canary(canary),
    mail === false && said.withoutMails,
    remind && said.remind,
    unconfirmed === 'resend' && said.resend,
  ]
  return phrases.filter((phrase) => typeof phrase === 'string' && phrase !== '') as string[]
}
