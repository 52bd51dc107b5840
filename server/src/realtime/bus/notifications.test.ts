import { expect, it } from 'vitest'
import { decodeNotification, encodeNotification, PendingNotifications } from './notifications.ts'

it('a session that was added many times is taken once, as urgent when it was so once, and the urgent ones come first', () => {
  const pending = new PendingNotifications()
  expect(pending.isEmpty).toBe(true)
  pending.add({ sessionIds: ['a', 'b', 'c'], urgent: false })
  pending.add({ sessionIds: ['b'], urgent: true })
  pending.add({ sessionIds: ['b', 'c'], urgent: false })
  expect(pending.isEmpty).toBe(false)
  expect(pending.take()).toEqual([
    { sessionIds: ['b'], urgent: true },
    { sessionIds: ['a', 'c'], urgent: false },
  ])
  expect(pending.isEmpty).toBe(true)
  expect(pending.take()).toEqual([])
})

it('no message is larger than PostgreSQL takes, and none of many sessions is missing', () => {
  const pending = new PendingNotifications()
  const ids = Array.from({ length: 1050 }, (_, index) => `activation_1704123456789_${'x'.repeat(28)}${1000 + index}`)
  pending.add({ sessionIds: ids, urgent: true })
  const messages = pending.take().map(encodeNotification)
  expect(messages).toHaveLength(11)
  for (const message of messages) expect(Buffer.byteLength(message)).toBeLessThan(8000)
  expect(messages.flatMap((message) => decodeNotification(message).sessionIds)).toEqual(ids)
})

it('a notification is read as it was written', () => {
  for (const urgent of [true, false]) {
    const notification = { sessionIds: ['a', 'b'], urgent }
    expect(decodeNotification(encodeNotification(notification))).toEqual(notification)
  }
})
