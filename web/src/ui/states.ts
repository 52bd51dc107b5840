import type { AccountState, EventType, LeadStatus, MailState, SessionStatus } from '@rollcall/shared/statuses'
import { words } from '../words/index.ts'

/** What a state means to a reader; badges, bars and charts draw each meaning in a colour of its own. */
export type Tone = 'waiting' | 'working' | 'done' | 'skipped' | 'doubtful' | 'failed' | 'stopped'

export interface StateLook {
  tone: Tone
  icon: string
}

const waiting: StateLook = { tone: 'waiting', icon: 'i-lucide-clock' }
const failed: StateLook = { tone: 'failed', icon: 'i-lucide-circle-x' }
const cancelled: StateLook = { tone: 'stopped', icon: 'i-lucide-x' }

const looks = {
  session: {
    scheduled: { tone: 'waiting', icon: 'i-lucide-calendar-clock' },
    queued: waiting,
    running: { tone: 'working', icon: 'i-lucide-play' },
    paused: { tone: 'doubtful', icon: 'i-lucide-pause' },
    held: { tone: 'failed', icon: 'i-lucide-octagon-pause' },
    cancelled,
    completed: { tone: 'done', icon: 'i-lucide-check' },
  } satisfies Record<SessionStatus, StateLook>,
  accountOutcome: {
    pending: waiting,
    created: { tone: 'done', icon: 'i-lucide-user-plus' },
    existing: { tone: 'skipped', icon: 'i-lucide-user-check' },
    failed,
    cancelled,
  } satisfies Record<AccountState, StateLook>,
  mail: {
    pending: waiting,
    sending: { tone: 'working', icon: 'i-lucide-send' },
    sent: { tone: 'done', icon: 'i-lucide-mail-check' },
    failed,
    unconfirmed: { tone: 'doubtful', icon: 'i-lucide-mail-question-mark' },
    skipped: { tone: 'skipped', icon: 'i-lucide-mail-minus' },
    cancelled,
  } satisfies Record<MailState, StateLook>,
  lead: {
    new: { tone: 'waiting', icon: 'i-lucide-user' },
    invited: { tone: 'working', icon: 'i-lucide-mail' },
    active: { tone: 'done', icon: 'i-lucide-user-check' },
  } satisfies Record<LeadStatus, StateLook>,
  event: {
    started: { tone: 'waiting', icon: 'i-lucide-flag' },
    running: { tone: 'working', icon: 'i-lucide-play' },
    paused: { tone: 'doubtful', icon: 'i-lucide-pause' },
    held: { tone: 'failed', icon: 'i-lucide-octagon-pause' },
    resumed: { tone: 'working', icon: 'i-lucide-play' },
    taken_over: { tone: 'doubtful', icon: 'i-lucide-repeat' },
    retried: { tone: 'working', icon: 'i-lucide-rotate-ccw' },
    settled: { tone: 'done', icon: 'i-lucide-mail-check' },
    cancelled,
    completed: { tone: 'done', icon: 'i-lucide-check' },
  } satisfies Record<EventType, StateLook>,
}

/** What a state is the state of; the same word, such as "cancelled", may look different of something else. */
export type StateKind = keyof typeof looks

/** How a state is drawn. One that this version does not know is drawn as waiting. */
export function lookOf(kind: StateKind, state: string): StateLook {
  return (looks[kind] as Record<string, StateLook>)[state] ?? { tone: 'waiting', icon: 'i-lucide-dot' }
}

/** What a state is called; the code itself where this version does not know it. */
export function stateWord(kind: StateKind, state: string): string {
  return (words.states[kind] as Record<string, string>)[state] ?? state
}

/** States to choose from in a filter. */
export function stateOptions<State extends string>(kind: StateKind, states: readonly State[]) {
  return states.map((value) => ({ value, label: stateWord(kind, value) }))
}
