import { formatCount, formatDecimal } from '../numbers.ts'
import { pluralsOf } from '../plurals.ts'

/** The form of an English word for a count. */
export const plural = pluralsOf('en')

function countOf(count: number, one: string, other = `${one}s`): string {
  return `${formatCount(count)} ${plural(count, { one, other })}`
}

/** How many of something there are: "1 lead", "12 leads". */
export const counts = {
  day: (count: number) => countOf(count, 'day'),
  item: (count: number) => countOf(count, 'item'),
  lead: (count: number) => countOf(count, 'lead'),
  mail: (count: number) => countOf(count, 'mail'),
  row: (count: number) => countOf(count, 'row'),
  session: (count: number) => countOf(count, 'session'),
  failedMail: (count: number) => countOf(count, 'failed mail'),
  unconfirmedMail: (count: number) => countOf(count, 'unconfirmed mail'),
}

/** A length of time in the largest fitting unit: "9 s", "3 min", "2 h 5 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 90) return `${whole} s`
  const minutes = Math.round(whole / 60)
  if (minutes < 90) return `${minutes} min`
  const rest = minutes % 60
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`
}

/** "256 KiB", "5.0 MiB" */
export function bytes(count: number): string {
  if (count < 1024) return `${formatCount(count)} B`
  if (count < 1024 * 1024) return `${formatCount(Math.round(count / 1024))} KiB`
  return `${formatDecimal(count / 1024 / 1024)} MiB`
}

/** What there are pages of, each with its words for the bar below the list. */
const plurals = { item: 'items', lead: 'leads', mail: 'mails', session: 'sessions' } as const
type Listed = keyof typeof plurals

export const pager = {
  label: (what: Listed) => `Pages of ${plurals[what]}`,
  back: 'Back',
  next: 'Next',
  /**
   * What part of a list is shown: "No leads", "1 lead", "101–200 of 2,285 leads", "1–100 of about 470,000 leads".
   * `first` is the number of the first row, from 1.
   */
  range(what: Listed, { first, shown, total, isEstimate }: Range): string {
    if (shown === 0) return `No ${plurals[what]}`
    if (shown === total && !isEstimate) return counts[what](total)
    const rows = `${formatCount(first)}–${formatCount(first + shown - 1)}`
    return `${rows} of ${isEstimate ? 'about ' : ''}${counts[what](total)}`
  },
}

interface Range {
  first: number
  shown: number
  total: number
  isEstimate: boolean
}
