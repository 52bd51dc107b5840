import type { SessionCommand } from '@rollcall/shared/statuses'
import type { Transport } from '../../live/environment.ts'
import { formatClock, formatCount, formatTime } from '../numbers.ts'
import { counts, duration } from './quantities.ts'

export const tracker = {
  title: 'Activation progress',
  minimise: 'Minimise progress',
  show: 'Show progress',
  finished: (sessions: number) => `${counts.session(sessions)} finished`,
  inProgress: (sessions: number, percent: number) => `${counts.session(sessions)} in progress · ${percent}%`,
  openSession: ': open the session',
  startedBy: (name: string) => `by ${name}`,
  mayLeave: 'You can leave this page — Rollcall goes on without it.',
  accounts: 'Accounts',
  mails: 'Mails',
  done: (count: number, total: number) => `${formatCount(count)} of ${formatCount(total)}`,
  outcome: (count: number, state: string) => `${formatCount(count)} ${state}`,
  rate: (mailsPerSecond: string) => `${mailsPerSecond} mails/s`,
  timeLeft: (seconds: number) => `about ${duration(seconds)} left`,
  statusChanged: (leads: number, status: string) =>
    `The activation of ${counts.lead(leads)} is ${status.toLowerCase()}.`,
  heldForUnknownReason: (code: string | null) =>
    `Rollcall stopped this session${code === null ? '' : ` (${code})`}. Press Resume to go on, or Cancel.`,
  undo: 'Undo',
  undoHint: 'Cancel before the first mail is sent',
  commands: { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' } satisfies Record<SessionCommand, string>,
  commandFailed: {
    pause: 'The session was not paused',
    resume: 'The session was not resumed',
    cancel: 'The session was not cancelled',
  } satisfies Record<SessionCommand, string>,
  confirmCancel: {
    title: 'Cancel this session?',
    text: (mails: number) => `Cancel for good? ${counts.mail(mails)} will not be sent. What was sent stays sent.`,
    cancel: 'Cancel the session',
    keep: 'Keep it going',
  },
  /** What a session waits for; seconds count down to it. */
  situations: {
    cancelling: 'Cancelling what is left…',
    finishing: 'Finishing what is left…',
    startsAt: (time: string, seconds: number) => `Starts ${formatTime(time)}, in ${duration(seconds)}.`,
    startsNow: 'Starts any moment.',
    mailsBeginIn: (seconds: number) => `Mails begin in ${formatClock(seconds)}.`,
  },
  transports: {
    websocket: 'Live',
    events: 'Server-sent events',
    polling: 'Polling',
    connecting: 'Reconnecting…',
    stopped: 'Not connected',
  } satisfies Record<Transport, string>,
  freshness: {
    unknown: 'Asking for the numbers…',
    final: 'Final numbers',
    asOfNow: (transport: string) => `${transport} · as of now`,
    asOf: (seconds: number) => `As of ${duration(seconds)} ago`,
    transportAsOf: (transport: string, seconds: number) => `${transport} · as of ${duration(seconds)} ago`,
  },
}
