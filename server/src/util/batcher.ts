/** One entry of a batch, which ends by one of `resolve`, `reject` and `retry`; only the first call counts. */
export interface BatchEntry<Value, Result> {
  readonly value: Value
  /** How many earlier batches this entry was in and left by `retry`. */
  readonly attempts: number
  resolve(result: Result): void
  reject(error: unknown): void
  /** Puts the entry at the head of the next batch of its key. */
  retry(): void
}

export interface BatcherOptions<Value, Result> {
  /**
   * Does the work of a batch, of which all entries have the same key, and settles each of them. A batch that throws, or
   * leaves an entry unsettled, rejects what it has not settled. The next batch of the key waits for the promise.
   */
  run: (entries: readonly BatchEntry<Value, Result>[], key: string) => Promise<void>
  /** Entries of different keys never share a batch, and their batches do not wait for each other. One key when left out. */
  keyOf?: (value: Value) => string
  /**
   * Awaited before a batch is put together that comes after none of its key: whatever is added meanwhile joins it. Nothing is
   * waited for when left out.
   */
  gather?: () => Promise<unknown>
  /** The most entries of one batch; no limit when left out. */
  largestBatch?: number
}

/** Collects entries and works on many of them at once. */
export interface Batcher<Value, Result> {
  /** Adds an entry; the promise is what the batch that carries it says of it. */
  add(value: Value): Promise<Result>
}

/**
 * Group commit: while one batch of a key is under way, entries gather for the next one. So an entry that comes alone is
 * worked on at once, and the more entries come, the more of them one batch carries.
 */
export function createBatcher<Value, Result>(options: BatcherOptions<Value, Result>): Batcher<Value, Result> {
  const { run, keyOf = () => '', gather, largestBatch = Infinity } = options
  /** The entries that wait for a batch, by key. A key is in here for as long as its batches are run. */
  const queues = new Map<string, QueuedEntry<Value, Result>[]>()

  async function runBatches(key: string, queue: QueuedEntry<Value, Result>[]): Promise<void> {
    if (gather !== undefined) await gather()
    while (queue.length > 0) {
      const batch = queue.splice(0, largestBatch)
      await runBatch(batch, key)
      const retried = batch.filter(({ state }) => state === 'retrying')
      for (const entry of retried) entry.startNextAttempt()
      queue.unshift(...retried)
    }
    queues.delete(key)
  }

  async function runBatch(batch: QueuedEntry<Value, Result>[], key: string): Promise<void> {
    let failure: unknown = new Error('A batch ended without a result for one of its entries.')
    try {
      await run(batch, key)
    } catch (error) {
      failure = error
    }
    for (const entry of batch) entry.reject(failure)
  }

  return {
    add(value) {
      const entry = new QueuedEntry<Value, Result>(value)
      const key = keyOf(value)
      const queue = queues.get(key)
      if (queue === undefined) {
        const started = [entry]
        queues.set(key, started)
        void runBatches(key, started)
      } else queue.push(entry)
      return entry.promise
    },
  }
}

class QueuedEntry<Value, Result> implements BatchEntry<Value, Result> {
  readonly value: Value
  attempts = 0
  state: 'pending' | 'retrying' | 'settled' = 'pending'
  readonly #settlement = Promise.withResolvers<Result>()

  constructor(value: Value) {
    this.value = value
  }

  get promise(): Promise<Result> {
    return this.#settlement.promise
  }

  resolve(result: Result): void {
    if (this.state !== 'pending') return
    this.state = 'settled'
    this.#settlement.resolve(result)
  }

  reject(error: unknown): void {
    if (this.state !== 'pending') return
    this.state = 'settled'
    this.#settlement.reject(error)
  }

  retry(): void {
    if (this.state === 'pending') this.state = 'retrying'
  }

  startNextAttempt(): void {
    this.state = 'pending'
    this.attempts += 1
  }
}
