import type { SessionEvent } from '@rollcall/shared'
import { expect, test } from 'vitest'
import { eventSentences, eventTitle } from './event-words.ts'

const ada = { id: 'u1', name: 'Ada' }
function event(changes: Partial<SessionEvent>): SessionEvent {
  return { at: '2026-11-01T10:00:00.000Z', type: 'running', actor: null, cause: null, details: {}, ...changes }
}

test('A start tells how many leads, and of the options only what is unusual', () => {
  const usual = { mail: true, remind: false, unconfirmed: 'hold' }
  const started = event({ type: 'started', actor: ada, details: { total: 2285, options: usual } })
  expect(eventTitle(started)).toBe('Started by Ada')
  expect(eventSentences(started)).toEqual(['2,285 leads.'])
  const options = { mail: true, remind: true, unconfirmed: 'resend', delaySeconds: 300, canary: 10 }
  expect(eventSentences(event({ type: 'started', details: { total: 1, options } }))).toEqual([
    '1 lead, first mail after 5 min, hold after the first 10 mails, reminding those invited earlier, sending again when an answer is lost.',
  ])
  expect(eventSentences(event({ type: 'started', details: { total: 3, options: { mail: false } } }))).toEqual([
    '3 leads, without mails.',
  ])
})

test('A start at a later time is called scheduled, and its coming is told', () => {
  const details = { total: 5, options: { startAt: '2026-11-02T08:00:00.000Z' } }
  const scheduled = event({ type: 'started', actor: ada, details })
  expect(eventTitle(scheduled)).toBe('Scheduled by Ada')
  expect(eventSentences(scheduled)[0]).toMatch(/^5 leads, to start .*2026.*\.$/)
  expect(eventSentences(event({ type: 'started' }))).toEqual(['Its time came.'])
})

test('A hold tells its reason in a sentence, and the words of the mail server where there are any', () => {
  const byServer = event({ type: 'held', cause: '552 5.3.4 Too big', details: { reason: 'message_too_large' } })
  expect(eventSentences(byServer)).toEqual([
    'The mail server finds the mail too large. Shorten the template, then press Resume.',
    'The mail server said: “552 5.3.4 Too big”',
  ])
  const sentence = 'The first mails were sent. Look at them, then press Resume to send the rest.'
  const details = { reason: 'canary', sent: 1000, failed: 2 }
  expect(eventSentences(event({ type: 'held', cause: sentence, details }))).toEqual([
    sentence,
    'By then 1,000 mails sent, 2 failed.',
  ])
})

test('A takeover tells which process stopped, how many mails were in flight and what became of them', () => {
  const details = { node: 'worker-2', chunks: 3, inFlight: 1, settledAs: 'unconfirmed' }
  const stopped = 'The process “worker-2” stopped in the middle of its work.'
  expect(eventSentences(event({ type: 'taken_over', details }))).toEqual([
    stopped,
    '1 mail was in flight: now unconfirmed, because nobody can know whether it arrived.',
  ])
  expect(
    eventSentences(event({ type: 'taken_over', details: { ...details, inFlight: 4, settledAs: 'pending' } })),
  ).toEqual([stopped, '4 mails were in flight: sent again, exactly the same, as this session was told to.'])
  expect(eventSentences(event({ type: 'taken_over', details: { ...details, inFlight: 0 } }))).toEqual([
    stopped,
    'No mail was in flight, so nothing is in doubt.',
  ])
})

test('A retry tells which mails, and a settlement how many', () => {
  const failed = event({ type: 'retried', actor: ada, details: { mail: 'failed', reason: null, items: 1234 } })
  expect(eventSentences(failed)).toEqual(['1,234 failed mails made pending again.'])
  const full = { mail: 'failed', reason: 'mailbox_full', items: 1 }
  expect(eventSentences(event({ type: 'retried', details: full }))).toEqual([
    '1 failed mail made pending again.',
    "Only those with this reason: The person's mailbox is full.",
  ])
  const settled = event({ type: 'settled', actor: ada, details: { mail: 'unconfirmed', as: 'sent', items: 2 } })
  expect([eventTitle(settled), ...eventSentences(settled)]).toEqual([
    'Settled by Ada',
    '2 unconfirmed mails marked as sent.',
  ])
})

test('What has no words of its own shows its cause', () => {
  expect(eventSentences(event({ type: 'resumed', cause: 'The mail server answers again.' }))).toEqual([
    'The mail server answers again.',
  ])
  expect(eventSentences(event({ type: 'completed' }))).toEqual([])
})
