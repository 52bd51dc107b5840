import { formatCount } from '../numbers.ts'
import { counts, plural } from './quantities.ts'

export const review = {
  title: 'Review the activation',
  purpose: 'Nothing has happened yet. These counts are exact as of now.',
  counting: 'Counting',
  countAgain: 'Count again',
  notNow: 'Not now',
  activate: 'Activate',
  activateCount: (count: number) => `Activate ${counts.lead(count)}`,
  unsure: 'It is not known whether the request arrived. Trying again is safe: the same session is never started twice.',
  tryAgain: 'Try again',
  counts: {
    /** What follows the number of leads. */
    selected: (count: number) => `${plural(count, { one: 'lead is', other: 'leads are' })} selected. Of these:`,
    willCreate: 'will get an account and a mail',
    willCreateWithoutMail: 'will get an account and no mail',
    active: 'already active: not mailed',
    invited: 'already invited: not mailed, unless you remind them',
    invitedReminded: 'already invited: mailed again as a reminder',
    invitedWithoutMail: 'already invited: nothing changes',
    invalid: 'with an address that cannot be mailed: reported as failed',
    recentlyMailed: 'mailed recently: a reminder may be too soon',
  },
  sample: 'For example',
  options: {
    label: 'Options',
    remind: 'Remind those invited earlier',
    remindHelp: (count: number) => `${formatCount(count)} invited and without a password yet would be mailed again.`,
    unconfirmed: "If the mail server's answer to a mail is lost",
    hold: 'Wait for a person',
    holdHelp: 'Such mails stay unconfirmed until you press send again. Nobody gets a mail twice.',
    resend: 'Send it again',
    resendHelp: 'The very same mail is sent once more. A few people may get it twice.',
    more: 'More',
    withoutMails: 'Create accounts without mails',
    withoutMailsHelp: 'Nobody is told. A reminder later mails them their link.',
    startAt: 'Start at',
    startAtHelp: 'In your own time. Empty: now.',
    notATime: 'This is no date and time.',
    timeHasPassed: 'This time has passed. Choose a later one, or none to start now.',
    delay: 'Delay before the first mail',
    noDelay: 'None',
    delayMinutes: (minutes: number) =>
      `${formatCount(minutes)} ${plural(minutes, { one: 'minute', other: 'minutes' })}`,
    canary: 'Hold after the first N mails',
    canaryHelp: 'Empty: no hold.',
    canaryHint: 'How many',
    notACount: 'Type a whole number from 1, or nothing.',
    delayAndCanaryHelp:
      'Until the first mail leaves, Undo cancels and nobody hears of it. After the first mails that you ask for, Rollcall waits until you have looked at them and press Resume.',
  },
}
