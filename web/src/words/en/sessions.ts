import type { LeadFilter } from '@rollcall/shared'
import { formatCount, formatTime } from '../numbers.ts'
import { counts, duration, plural } from './quantities.ts'

export const sessions = {
  caption: 'Sessions, newest first',
  columns: {
    session: 'Session',
    status: 'Status',
    startedBy: 'Started by',
    accounts: 'Accounts',
    mails: 'Mails',
    failed: 'Failed',
    unconfirmed: 'Unconfirmed',
  },
  done: (done: number, total: number) => `${formatCount(done)} of ${formatCount(total)}`,
  filters: {
    label: 'Filter sessions',
    search: 'Search sessions',
    searchHint: 'Search id, person or lead',
    status: 'Status',
    anyStatus: 'Any status',
    from: 'From',
    to: 'To',
    startedByMe: 'Started by me',
  },
  noMatch: { title: 'No session matches', text: 'Change the filters, or clear them.' },
  empty: {
    title: 'Nothing has been activated yet',
    text: 'Choose leads on the leads page and press Activate. Each time becomes a session here.',
    goToLeads: 'Go to the leads',
  },
}

/** The conditions by which leads were chosen, as they follow "All leads where". */
const conditions: Record<keyof LeadFilter, (value: string) => string> = {
  q: (value) => `the search “${value}” matches`,
  status: (value) => `the status is ${value}`,
  source: (value) => `the source is “${value}”`,
  owner: (value) => `the owner is “${value}”`,
  importId: () => 'they came from one imported file',
}

export const session = {
  title: 'Session',
  startedBy: (name: string) => `, started by ${name}`,
  progress: 'Progress of this session',
  facts: {
    title: 'How it was started',
    by: 'By',
    chosen: 'Chosen',
    options: 'Options',
    created: 'Created',
    started: 'Started',
    finished: 'Finished',
    ticked: (count: number) => `${counts.row(count)} ticked one by one`,
    filtered: (filter: LeadFilter, exceptions: number) => {
      const parts = Object.entries(filter).map(([name, value]) => conditions[name as keyof LeadFilter](value))
      const where = parts.length > 0 ? ` where ${parts.join(' and ')}` : ''
      return `All leads${where}${exceptions > 0 ? `, except ${counts.lead(exceptions)}` : ''}`
    },
  },
  /** What was asked for beyond the usual, as it stands within a sentence. */
  options: {
    usual: 'The usual ones',
    startAt: (time: string) => `to start ${formatTime(time)}`,
    delay: (seconds: number) => `first mail after ${duration(seconds)}`,
    canary: (count: number) => `hold after the first ${counts.mail(count)}`,
    withoutMails: 'without mails',
    remind: 'reminding those invited earlier',
    resend: 'sending again when an answer is lost',
  },
  items: {
    title: 'People',
    caption: 'The people of this session and their outcomes',
    download: 'Download CSV',
    columns: { person: 'Person', account: 'Account', mail: 'Mail', why: 'Why', tries: 'Tries', when: 'When' },
    nextTry: 'Next try',
    filters: {
      label: 'Filter people',
      search: 'Search people',
      account: 'Account',
      anyAccount: 'Any account',
      mail: 'Mail',
      anyMail: 'Any mail',
      reason: 'Reason',
      anyReason: 'Any reason',
    },
    empty: { title: 'Nobody here', text: 'No item of this session matches. Change or clear the filters above.' },
  },
  retry: {
    failed: (count: number) => `Retry ${counts.failedMail(count)}`,
    byReason: 'By reason',
    reasons: 'Failed mails by reason',
    counting: 'Counting…',
    notCounted: 'The reasons could not be counted',
    reason: (count: number) => `Retry ${formatCount(count)}`,
    reasonLabel: (count: number, reason: string) => `Retry ${counts.mail(count)}: ${reason}`,
    notRetried: 'Nothing was retried',
    unconfirmed: (count: number, mayRetry: boolean) =>
      `${counts.mail(count)} handed over without an answer: most such mails arrived.${
        mayRetry ? ' Send again, and some may get the same mail twice.' : ''
      } Mark as sent, and a person whose mail was lost hears nothing more.`,
    sendAgain: (count: number) => `Send ${formatCount(count)} again`,
    markAsSent: (count: number) => `Mark ${formatCount(count)} as sent`,
    notMarked: 'Nothing was marked as sent',
  },
}

export const events = {
  title: 'What happened',
  none: 'Nothing yet.',
  scheduled: 'Scheduled',
  by: (title: string, actor: string) => `${title} by ${actor}`,
  timeCame: 'Its time came.',
  started: (total: number, options: string[]) => `${[counts.lead(total), ...options].join(', ')}.`,
  heldAfter: (sent: number, failed: number) => `By then ${counts.mail(sent)} sent, ${formatCount(failed)} failed.`,
  serverSaid: (words: string) => `The mail server said: “${words}”`,
  processStopped: (node: string) => `The process “${node}” stopped in the middle of its work.`,
  nothingInFlight: 'No mail was in flight, so nothing is in doubt.',
  inFlightSentAgain: (count: number) =>
    `${inFlight(count)}: sent again, exactly the same, as this session was told to.`,
  inFlightUnconfirmed: (count: number) =>
    `${inFlight(count)}: now unconfirmed, because nobody can know whether ${plural(count, { one: 'it', other: 'they' })} arrived.`,
  retried: {
    all: (count: number) => `${counts.mail(count)} made pending again.`,
    failed: (count: number) => `${counts.failedMail(count)} made pending again.`,
    unconfirmed: (count: number) => `${counts.unconfirmedMail(count)} made pending again.`,
  },
  onlyReason: (reason: string) => `Only those with this reason: ${reason}`,
  markedAsSent: (count: number) => `${counts.unconfirmedMail(count)} marked as sent.`,
}

function inFlight(count: number): string {
  return `${counts.mail(count)} ${plural(count, { one: 'was', other: 'were' })} in flight`
}
