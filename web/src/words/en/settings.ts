import { counts } from './quantities.ts'

export const settings = {
  purpose: 'They hold for everybody, from the moment they are saved.',
  readonly: 'Only a superadmin can change them.',
  label: 'Settings',
  perSecond: 'a second',
  days: 'days',
  percent: '%',
  never: 'Never',
  noLimit: 'No limit',
  mails: {
    title: 'Mails',
    perSecond: 'Mails per second',
    perSecondHelp:
      'For the whole mail server, however many processes send. Leave it empty for as many as the mail server takes.',
    perSecondProblem: 'Write a number from 0.01 to 10,000, or nothing for no limit.',
    failures: 'Hold a session at this share of failures',
    failuresHelp:
      'When more of the mails tried have failed, after at least 50, the session waits for a person. Leave it empty to never wait.',
    failuresProblem: 'Write a number from 1 to 100, or nothing for never.',
  },
  domains: {
    title: 'Slower for some domains',
    help: 'Some receivers take only so many mails a second. A domain is what stands after the @.',
    example: 'example.com',
    domain: (ordinal: number) => `Domain ${ordinal}`,
    rate: (domain: string, ordinal: number) => `Mails per second to ${domain || `domain ${ordinal}`}`,
    remove: (domain: string, ordinal: number) => `Remove ${domain || `domain ${ordinal}`}`,
    none: 'None.',
    add: 'Add a domain',
    problem: 'Write a domain, and a number from 0.01 to 10,000.',
  },
  links: {
    title: 'Links and history',
    life: 'Activation links are good for',
    lifeHelp: 'Counts for sessions that start from now on; links that were mailed keep their time.',
    lifeProblem: 'Write a whole number of days from 1 to 90.',
    retention: 'Remove finished sessions after',
    retentionHelp:
      'Older sessions are removed for good with everything in them; accounts and leads stay. Leave it empty to keep all.',
    retentionProblem: 'Write a whole number of days from 1 to 3,650, or nothing to keep all.',
    removesMore: (days: number) =>
      `Once this is saved, finished sessions older than ${counts.day(days)} are removed for good, within minutes.`,
  },
  save: 'Save',
  undo: 'Undo',
  notSaved: 'Not saved yet.',
  saved: 'Saved.',
  /** Followed by the time. */
  changedBy: (name: string) => `Last changed by ${name}, `,
}
