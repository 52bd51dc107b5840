import type { SessionOptions } from '@rollcall/shared'
import { words } from '../words/index.ts'

/** The options of a start as a form holds them: times as the browser's own field writes them, numbers as they are typed. */
export interface StartForm {
  remind: boolean
  unconfirmed: 'hold' | 'resend'
  withoutMails: boolean
  /** The reader's own time, "2026-11-22T09:30"; empty: now. */
  startAt: string
  delayMinutes: string
  canary: string
}

export const usualForm: StartForm = {
  remind: false,
  unconfirmed: 'hold',
  withoutMails: false,
  startAt: '',
  delayMinutes: '0',
  canary: '',
}

/** The delays to choose from, in minutes. */
export function delayChoices(): { value: string; label: string }[] {
  const { noDelay, delayMinutes } = words.review.options
  return [0, 1, 5, 15, 60].map((minutes) => ({
    value: String(minutes),
    label: minutes === 0 ? noDelay : delayMinutes(minutes),
  }))
}

/** What must be put right before the start, a sentence for each field; `now` is in milliseconds. */
export function problemsOf(form: StartForm, now: number): Partial<Record<'startAt' | 'canary', string>> {
  const problems: Partial<Record<'startAt' | 'canary', string>> = {}
  if (form.startAt !== '') {
    const at = Date.parse(form.startAt)
    if (Number.isNaN(at)) problems.startAt = words.review.options.notATime
    else if (at <= now) problems.startAt = words.review.options.timeHasPassed
  }
  if (!form.withoutMails && form.canary !== '' && !/^[1-9]\d{0,8}$/.test(form.canary)) {
    problems.canary = words.review.options.notACount
  }
  return problems
}

/** The options as the contract writes them; what is as usual and optional is left out. */
export function optionsOfForm(form: StartForm): SessionOptions {
  const { remind, unconfirmed, withoutMails } = form
  const startAt = form.startAt === '' ? {} : { startAt: new Date(form.startAt).toISOString() }
  if (withoutMails) return { mail: false, ...startAt }
  const delaySeconds = Number(form.delayMinutes) * 60
  return {
    remind,
    unconfirmed,
    ...startAt,
    ...(delaySeconds > 0 ? { delaySeconds } : {}),
    ...(form.canary === '' ? {} : { canary: Number(form.canary) }),
  }
}

/** A time as a field of the browser takes it, in the reader's own time zone, to the minute. */
export function toLocalField(milliseconds: number): string {
  const at = new Date(milliseconds)
  return new Date(milliseconds - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
