import { expect, it } from 'vitest'
import { sharedBuffersMegabytes } from './settings.ts'

const gigabyte = 2 ** 30

it('gives PostgreSQL an eighth of the memory for its pages', () => {
  expect(sharedBuffersMegabytes(8 * gigabyte, 64 * gigabyte)).toBe(1024)
})

it('gives PostgreSQL an eighth of the machine for its pages where the container has no limit', () => {
  expect(sharedBuffersMegabytes(2 ** 64, 4 * gigabyte)).toBe(512)
})

it('gives PostgreSQL an eighth of the machine for its pages where the limit of the container is unknown', () => {
  expect(sharedBuffersMegabytes(0, 4 * gigabyte)).toBe(512)
})

it('gives PostgreSQL 256 MB for its pages at least, so that something fits', () => {
  expect(sharedBuffersMegabytes(gigabyte / 2, 64 * gigabyte)).toBe(256)
})

it('gives PostgreSQL 2 GB for its pages at most, because more is of no use', () => {
  expect(sharedBuffersMegabytes(2 ** 64, 64 * gigabyte)).toBe(2048)
})
