/** The reader's own variety of a language, such as "en-GB", where the browser prefers one; otherwise the language. */
export function readersLocale(language: string, preferred: readonly string[]): string {
  return preferred.find((locale) => locale.split('-')[0] === language) ?? language
}

function formatsOf(locale: string) {
  return {
    counts: new Intl.NumberFormat(locale),
    rates: new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    times: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }),
  }
}

let formats = formatsOf(readersLocale('en', navigator.languages))

/** Writes numbers and times as the readers of this language do. To be called before anything is drawn. */
export function formatFor(language: string): void {
  formats = formatsOf(readersLocale(language, navigator.languages))
}

/** 12,345 */
export function formatCount(count: number): string {
  return formats.counts.format(count)
}

/** One decimal below ten, none above: "4.2", "1,235". */
export function formatRate(perSecond: number): string {
  return perSecond < 10 ? formats.rates.format(perSecond) : formatCount(Math.round(perSecond))
}

/** A number with one decimal: "5.0". */
export function formatDecimal(value: number): string {
  return formats.rates.format(value)
}

/** A countdown in minutes and seconds: "0:09", "12:30". */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** Date and time where the reader is. */
export function formatTime(iso: string): string {
  return formats.times.format(new Date(iso))
}
