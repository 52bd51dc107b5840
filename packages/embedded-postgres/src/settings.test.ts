import { expect, it } from 'vitest'
import { sharedBuffersMegabytes } from './settings.ts'

const gigabyte = 2 ** 30

it('PostgreSQL gets an eighth of the memory of a container for its pages', () => {
  expect(sharedBuffersMegabytes(8 * gigabyte, 64 * gigabyte)).toBe(1024)
})

it('PostgreSQL gets an eighth of the memory of the machine for its pages where the container has no limit', () => {
  expect(sharedBuffersMegabytes(2 ** 64, 4 * gigabyte)).toBe(512)
})

it('PostgreSQL gets an eighth of the memory of the machine for its pages where the limit of the container is unknown', () => {
  expect(sharedBuffersMegabytes(0, 4 * gigabyte)).toBe(512)
})

it('PostgreSQL gets at least 256 MB for its pages, so that something fits', () => {
  expect(sharedBuffersMegabytes(gigabyte / 2, 64 * gigabyte)).toBe(256)
})

it('PostgreSQL gets at most 2 GB for its pages, because more is of no use', () => {
  expect(sharedBuffersMegabytes(2 ** 64, 64 * gigabyte)).toBe(2048)
})
