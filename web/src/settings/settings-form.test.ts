import type { Settings } from '@rollcall/shared'
import { expect, test } from 'vitest'
import { formOf, isSound, isUnchanged, patchOf, problemsOf, removesMoreSessions } from './settings-form.ts'

const settings: Settings = {
  retentionDays: null,
  mailsPerSecond: 2.5,
  domainRates: [{ domain: 'a.example', mailsPerSecond: 1 }],
  linkLifeDays: 7,
  failureShare: 0.07,
}

test('What the settings say stands in the fields, and saving that again would change nothing', () => {
  const form = formOf(settings)
  expect(form).toEqual({
    linkLifeDays: '7',
    retentionDays: '',
    mailsPerSecond: '2.5',
    failurePercent: '7',
    domainRates: [{ domain: 'a.example', mailsPerSecond: '1' }],
  })
  expect(isUnchanged(form, settings)).toBe(true)
  expect(patchOf(form, settings)).toEqual({})
})

test('Every share of failures that a field can show comes back from it as it was', () => {
  for (let hundredths = 100; hundredths <= 10_000; hundredths++) {
    const failureShare = hundredths / 10_000
    const { failurePercent } = formOf({ ...settings, failureShare })
    const form = { ...formOf({ ...settings, failureShare: null }), failurePercent }
    expect(patchOf(form, { ...settings, failureShare: null })).toEqual({ failureShare })
  }
})

test('What a program has set more exactly than a field shows stays when another field is changed', () => {
  const exact = { ...settings, failureShare: 0.123456 }
  expect(patchOf({ ...formOf(exact), linkLifeDays: '8' }, exact)).toEqual({ linkLifeDays: 8 })
})

test('Only what was changed is sent, and an empty field is "never" or "no limit"', () => {
  const form = formOf(settings)
  form.mailsPerSecond = ' '
  form.retentionDays = '90'
  expect(isUnchanged(form, settings)).toBe(false)
  expect(patchOf(form, settings)).toEqual({ mailsPerSecond: null, retentionDays: 90 })
  form.failurePercent = ''
  form.domainRates.push({ domain: ' b.example ', mailsPerSecond: '0.5' })
  expect(patchOf(form, settings)).toMatchObject({
    failureShare: null,
    domainRates: [
      { domain: 'a.example', mailsPerSecond: 1 },
      { domain: 'b.example', mailsPerSecond: 0.5 },
    ],
  })
})

test('What cannot be saved is said at its field', () => {
  const sound = formOf(settings)
  expect(isSound(problemsOf(sound))).toBe(true)
  for (const [field, texts] of Object.entries({
    linkLifeDays: ['', '0', '91', '1.5', 'week'],
    retentionDays: ['0', '3651', '1.5', '-1'],
    mailsPerSecond: ['0', '10001', '1,5'],
    failurePercent: ['0.5', '101', '5 %'],
  })) {
    for (const text of texts) {
      const problems = problemsOf({ ...sound, [field]: text })
      expect(problems).toHaveProperty(field)
      expect(isSound(problems)).toBe(false)
    }
  }
})

test('A domain needs a name and a rate', () => {
  const domainRates = [
    { domain: 'a.example', mailsPerSecond: '1' },
    { domain: ' ', mailsPerSecond: '1' },
    { domain: 'b.example', mailsPerSecond: '' },
    { domain: 'c.example', mailsPerSecond: '0' },
  ]
  const problems = problemsOf({ ...formOf(settings), domainRates })
  expect(problems.domainRates.map((problem) => problem === undefined)).toEqual([true, false, false, false])
  expect(isSound(problems)).toBe(false)
})

test('A shorter time for sessions is told apart from a longer one, because it cannot be undone', () => {
  const removes = (before: number | null, wanted: string) =>
    removesMoreSessions({ ...formOf(settings), retentionDays: wanted }, { ...settings, retentionDays: before })
  expect([removes(null, '30'), removes(90, '30')]).toEqual([true, true])
  expect([removes(null, ''), removes(90, ''), removes(90, '90'), removes(90, '365')]).toEqual(Array(4).fill(false))
})
