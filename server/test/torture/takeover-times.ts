/** A summary of times in milliseconds. */
export interface TakeoverSummary {
  measured: number
  median: number
  p95: number
  longest: number
}

/** Measures the time from the kill of a process to the next mail of a chunk that it had claimed. */
export interface TakeoverTimes {
  /** Begins a measurement, which ends with the first mail to one of these addresses. */
  begin(addresses: readonly string[]): void
  /** Ends the measurements that wait for a mail to this address. */
  mailArrived(address: string): void
  /** Drops the measurements that have not ended, because something else delays the mails from now on. */
  dropUnfinished(): void
  summary(): TakeoverSummary
}

export function createTakeoverTimes(): TakeoverTimes {
  const unfinished = new Set<{ since: number; addresses: ReadonlySet<string> }>()
  const times: number[] = []
  return {
    begin: (addresses) => void unfinished.add({ since: performance.now(), addresses: new Set(addresses) }),
    mailArrived(address) {
      for (const measurement of unfinished) {
        if (!measurement.addresses.has(address)) continue
        unfinished.delete(measurement)
        times.push(performance.now() - measurement.since)
      }
    },
    dropUnfinished: () => unfinished.clear(),
    summary() {
      const ascending = times.toSorted((a, b) => a - b)
      const quantile = (share: number) =>
        Math.round(ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0)
      return { measured: ascending.length, median: quantile(0.5), p95: quantile(0.95), longest: quantile(1) }
    },
  }
}
