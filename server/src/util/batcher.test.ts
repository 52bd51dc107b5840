import { setImmediate as nextTick } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createBatcher, type BatchEntry, type BatcherOptions } from './batcher.ts'

type Entry = BatchEntry<string, string>

/** Creates a batcher that records its batches, which end only when the test ends them. */
function controlledBatcher(options: Partial<BatcherOptions<string, string>> = {}) {
  const batches: { values: string[]; entries: readonly Entry[]; end: (error?: Error) => Promise<void> }[] = []
  const batcher = createBatcher<string, string>({
    run(entries) {
      const ended = Promise.withResolvers<void>()
      batches.push({
        values: entries.map(({ value }) => value),
        entries,
        async end(error) {
          if (error === undefined) ended.resolve()
          else ended.reject(error)
          await nextTick()
        },
      })
      return ended.promise
    },
    ...options,
  })
  return { batcher, batches, valuesOfBatches: () => batches.map(({ values }) => values) }
}

function resolveAll(entries: readonly Entry[]): void {
  for (const entry of entries) entry.resolve(`${entry.value} done`)
}

describe('createBatcher', () => {
  it('A batcher works at once on an entry that comes alone', async () => {
    const { batcher, batches } = controlledBatcher()
    const result = batcher.add('a')
    expect(batches[0]?.values).toEqual(['a'])
    resolveAll(batches[0]!.entries)
    expect(await result).toBe('a done')
  })

  it('Entries that come during a batch are gathered for the next one', async () => {
    const { batcher, batches, valuesOfBatches } = controlledBatcher()
    const results = ['a', 'b', 'c'].map((value) => batcher.add(value))
    expect(valuesOfBatches()).toEqual([['a']])
    resolveAll(batches[0]!.entries)
    await batches[0]!.end()
    expect(valuesOfBatches()).toEqual([['a'], ['b', 'c']])
    resolveAll(batches[1]!.entries)
    await batches[1]!.end()
    expect(await Promise.all(results)).toEqual(['a done', 'b done', 'c done'])
    void batcher.add('d')
    expect(valuesOfBatches()).toEqual([['a'], ['b', 'c'], ['d']])
  })

  it('A batch has no more entries than its largest size', async () => {
    const { batcher, batches, valuesOfBatches } = controlledBatcher({ largestBatch: 2, gather: nextTick })
    for (const value of ['a', 'b', 'c']) void batcher.add(value)
    await nextTick()
    resolveAll(batches[0]!.entries)
    await batches[0]!.end()
    await nextTick()
    expect(valuesOfBatches()).toEqual([['a', 'b'], ['c']])
  })

  it('Entries that come while a batch is gathered join it', async () => {
    const gathered = Promise.withResolvers<void>()
    const { batcher, valuesOfBatches } = controlledBatcher({ gather: () => gathered.promise })
    for (const value of ['a', 'b']) void batcher.add(value)
    await nextTick()
    expect(valuesOfBatches()).toEqual([])
    void batcher.add('c')
    gathered.resolve()
    await nextTick()
    expect(valuesOfBatches()).toEqual([['a', 'b', 'c']])
  })

  it('Batches of different keys run at the same time and are never mixed', async () => {
    const { batcher, batches, valuesOfBatches } = controlledBatcher({ keyOf: (value) => value[0]! })
    for (const value of ['a1', 'b1', 'a2', 'b2']) void batcher.add(value)
    expect(valuesOfBatches()).toEqual([['a1'], ['b1']])
    resolveAll(batches[1]!.entries)
    await batches[1]!.end()
    expect(valuesOfBatches()).toEqual([['a1'], ['b1'], ['b2']])
  })

  it('A batch that fails rejects with its error the entries that it has not settled, and the next batch runs', async () => {
    const { batcher, batches, valuesOfBatches } = controlledBatcher({ gather: nextTick })
    const results = Promise.allSettled(['a', 'b'].map((value) => batcher.add(value)))
    await nextTick()
    batches[0]!.entries[0]!.resolve('stored')
    const failure = new Error('on purpose')
    await batches[0]!.end(failure)
    expect(await results).toEqual([
      { status: 'fulfilled', value: 'stored' },
      { status: 'rejected', reason: failure },
    ])
    void batcher.add('c')
    await nextTick()
    expect(valuesOfBatches()).toEqual([['a', 'b'], ['c']])
  })

  it('An entry that its batch forgets is rejected', async () => {
    const { batcher, batches } = controlledBatcher()
    const result = batcher.add('a')
    result.catch(() => undefined)
    await batches[0]!.end()
    await expect(result).rejects.toThrow('without a result')
  })

  it('Entries that are to be tried again stand at the head of the next batch, and their attempts are counted', async () => {
    const { batcher, batches, valuesOfBatches } = controlledBatcher({ gather: nextTick })
    const results = ['a', 'b', 'c'].map((value) => batcher.add(value))
    await nextTick()
    const [a, b, c] = batches[0]!.entries
    a!.retry()
    b!.resolve('b done')
    c!.retry()
    results.push(batcher.add('d'))
    await batches[0]!.end(new Error('does not reach what is tried again'))
    await nextTick()
    expect(valuesOfBatches()).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c', 'd'],
    ])
    expect(batches[1]!.entries.map(({ attempts }) => attempts)).toEqual([1, 1, 0])
    resolveAll(batches[1]!.entries)
    await batches[1]!.end()
    expect(await Promise.all(results)).toEqual(['a done', 'b done', 'c done', 'd done'])
  })
})
