import { expect, test } from 'vitest'
import { exampleProgress } from '../live/example-progress.ts'
import { clearCached, cacheKey, mergeCached, parseCached, readCached, writeCached } from './cache.ts'

const cached = (version: number, trueAt = 1) => ({ progress: exampleProgress({ version }), trueAt })

function memory(): Storage {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  } as Storage
}

test('Of two cached versions the higher stays, whichever tab writes last', () => {
  expect(mergeCached({ s: cached(5) }, { s: cached(4) })['s']?.progress.version).toBe(5)
  const storage = memory()
  writeCached(storage, { s: cached(5) }, () => true)
  writeCached(storage, { s: cached(4) }, () => true)
  expect(readCached(storage)['s']?.progress.version).toBe(5)
})

test('Of the same version the later confirmation stays', () => {
  expect(mergeCached({ s: cached(5, 10) }, { s: cached(5, 20) })['s']?.trueAt).toBe(20)
  expect(mergeCached({ s: cached(5, 20) }, { s: cached(5, 10) })['s']?.trueAt).toBe(20)
})

test('Sessions that need not stay are dropped', () => {
  const storage = memory()
  writeCached(storage, { s: cached(5), t: cached(6) }, ({ progress }) => progress.version > 5)
  expect(Object.keys(readCached(storage))).toEqual(['t'])
})

test('What cannot be read counts as nothing, and storage that is missing or full breaks nothing', () => {
  expect(parseCached('{')).toEqual({})
  expect(parseCached('{"s":{"progress":{}}}')).toEqual({})
  const full = {
    getItem: () => null,
    setItem: () => {
      throw new Error('full')
    },
  } as unknown as Storage
  expect(() => writeCached(full, { s: cached(1) }, () => true)).not.toThrow()
  expect(() => writeCached(null, {}, () => true)).not.toThrow()
})

test('Signing out clears all of it', () => {
  const storage = memory()
  writeCached(storage, { s: cached(5) }, () => true)
  clearCached(storage)
  expect(storage.getItem(cacheKey)).toBeNull()
})
