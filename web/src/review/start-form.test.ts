import { expect, test } from 'vitest'
import { delayChoices, optionsOfForm, problemsOf, toLocalField, usualForm } from './start-form.ts'

const now = Date.parse('2026-11-22T08:00:00.000Z')

test('The usual form asks for nothing unusual', () => {
  expect(optionsOfForm(usualForm)).toEqual({ remind: false, unconfirmed: 'hold' })
  expect(problemsOf(usualForm, now)).toEqual({})
})

test('A start time is read in the reader’s own time and sent in UTC', () => {
  const form = { ...usualForm, startAt: toLocalField(now + 3_600_000) }
  expect(problemsOf(form, now)).toEqual({})
  expect(optionsOfForm(form).startAt).toBe('2026-11-22T09:00:00.000Z')
})

test('A start time must be in the future', () => {
  expect(problemsOf({ ...usualForm, startAt: toLocalField(now) }, now).startAt).toMatch(/has passed/)
  expect(problemsOf({ ...usualForm, startAt: toLocalField(now - 60_000) }, now).startAt).toMatch(/has passed/)
  expect(problemsOf({ ...usualForm, startAt: 'soon' }, now).startAt).toMatch(/no date/)
})

test('The delay is chosen in minutes and sent in seconds', () => {
  const seconds = delayChoices().map(({ value }) => optionsOfForm({ ...usualForm, delayMinutes: value }).delaySeconds)
  expect(seconds).toEqual([undefined, 60, 300, 900, 3600])
})

test('A number of first mails is whole and at least 1', () => {
  expect(optionsOfForm({ ...usualForm, canary: '25' }).canary).toBe(25)
  for (const canary of ['0', '-1', '2.5', 'x', '1e3', '9999999999'])
    expect(problemsOf({ ...usualForm, canary }, now).canary, canary).toBeDefined()
})

test('Without mails nothing about mails is asked for', () => {
  const form = { ...usualForm, withoutMails: true, remind: true, delayMinutes: '5', canary: 'x' }
  expect(problemsOf(form, now)).toEqual({})
  expect(optionsOfForm(form)).toEqual({ mail: false })
})
