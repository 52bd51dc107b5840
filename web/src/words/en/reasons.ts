import { accountReasons, holdReasons, mailReasons } from '@rollcall/shared/reasons'

/** The sentences for the contract's codes. The English ones are the contract's own, which exports and logs use too. */
export const reasons = {
  account: { ...accountReasons },
  mail: { ...mailReasons },
  hold: { ...holdReasons },
  /** A code as it is offered in a filter. */
  short: (code: string) => code.replaceAll('_', ' '),
  /** Who decided a mail's outcome, where it was not the mail server's answer. */
  settledBy: {
    person: 'A person marked it as sent.',
    activation: 'The person used the link, so it arrived.',
    takeover: 'Settled when another process took over.',
  },
  settledByOther: (who: string) => `Settled by ${who}.`,
}
