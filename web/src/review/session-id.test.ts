import { expect, test } from 'vitest'
import { browserSessionId, newSessionId } from './session-id.ts'

test('A session id carries the time and twelve letters or digits', () => {
  expect(newSessionId(1_704_123_456_789, (count) => new Uint8Array(count).fill(0))).toBe(
    'activation_1704123456789_aaaaaaaaaaaa',
  )
  expect(browserSessionId()).toMatch(/^activation_\d{13}_[a-z0-9]{12}$/)
})

test('Bytes that would favour some letters are drawn again', () => {
  const draws = [new Uint8Array(12).fill(255), new Uint8Array(12).fill(251)]
  expect(newSessionId(1_704_123_456_789, () => draws.shift()!)).toBe('activation_1704123456789_999999999999')
})

test('Two ids made at once differ', () => {
  expect(browserSessionId()).not.toBe(browserSessionId())
})
