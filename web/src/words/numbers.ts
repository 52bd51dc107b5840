const counts = new Intl.NumberFormat('en')

/** 12,345 */
export function formatCount(count: number): string {
  return counts.format(count)
}

/** "1 lead", "12 leads" */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/**
 * What part of a list is shown: "No leads", "1 lead", "101–200 of 2,285 leads", "1–100 of about 470,000 leads". `one` is
 * the word for one of them.
 */
export function rangeWords(first: number, shown: number, total: number, one: string, isEstimate = false): string {
  if (shown === 0) return `No ${one}s`
  if (shown === total && !isEstimate) return countOf(total, one)
  return `${formatCount(first)}–${formatCount(first + shown - 1)} of ${isEstimate ? 'about ' : ''}${countOf(total, one)}`
}

/** A length of time in the largest fitting unit: "9 s", "3 min", "2 h 5 min". */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 90) return `${whole} s`
  const minutes = Math.round(whole / 60)
  if (minutes < 90) return `${minutes} min`
  const rest = minutes % 60
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`
}

/** A countdown: "0:09", "12:30". */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** 4.2 below ten, whole above. */
export function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

const dateTimes = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })

/** Date and time where the reader is. */
export function formatTime(iso: string): string {
  return dateTimes.format(new Date(iso))
}
