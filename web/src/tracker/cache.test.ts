import { expect, test } from 'vitest'
import { exampleProgress } from '../live/example-progress.ts'
import { forgetKept, keptKey, mergeKept, parseKept, readKept, writeKept } from './cache.ts'

const kept = (version: number, trueAt = 1) => ({ progress: exampleProgress({ version }), trueAt })

function memory(): Storage {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  } as Storage
}

test('Of two kept versions the higher stays, whichever tab writes last', () => {
  expect(mergeKept({ s: kept(5) }, { s: kept(4) })['s']?.progress.version).toBe(5)
  const storage = memory()
  writeKept(storage, { s: kept(5) }, () => true)
  writeKept(storage, { s: kept(4) }, () => true)
  expect(readKept(storage)['s']?.progress.version).toBe(5)
})

test('Of the same version the later sign of life stays', () => {
  expect(mergeKept({ s: kept(5, 10) }, { s: kept(5, 20) })['s']?.trueAt).toBe(20)
  expect(mergeKept({ s: kept(5, 20) }, { s: kept(5, 10) })['s']?.trueAt).toBe(20)
})

test('Sessions that need not stay are left out', () => {
  const storage = memory()
  writeKept(storage, { s: kept(5), t: kept(6) }, ({ progress }) => progress.version > 5)
  expect(Object.keys(readKept(storage))).toEqual(['t'])
})

test('What cannot be read is nothing, and storage that is missing or full breaks nothing', () => {
  expect(parseKept('{')).toEqual({})
  expect(parseKept('{"s":{"progress":{}}}')).toEqual({})
  const full = {
    getItem: () => null,
    setItem: () => {
      throw new Error('full')
    },
  } as unknown as Storage
  expect(() => writeKept(full, { s: kept(1) }, () => true)).not.toThrow()
  expect(() => writeKept(null, {}, () => true)).not.toThrow()
})

test('Signing out forgets all of it', () => {
  const storage = memory()
  writeKept(storage, { s: kept(5) }, () => true)
  forgetKept(storage)
  expect(storage.getItem(keptKey)).toBeNull()
})
