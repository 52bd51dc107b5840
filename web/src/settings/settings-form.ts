import type { Settings, SettingsPatch } from '@rollcall/shared'

/** What stands in the fields, as it was typed; empty is "never" or "no limit" where there is such a thing. */
export interface SettingsForm {
  linkLifeDays: string
  retentionDays: string
  mailsPerSecond: string
  failurePercent: string
  domainRates: { domain: string; mailsPerSecond: string }[]
}

/** One sentence for each field that cannot be saved; domain rates by their place in the list. */
export interface FormProblems {
  linkLifeDays?: string
  retentionDays?: string
  mailsPerSecond?: string
  failurePercent?: string
  domainRates: (string | undefined)[]
}

const ranges = {
  linkLifeDays: { least: 1, most: 90, whole: true, said: 'Write a whole number of days from 1 to 90.' },
  retentionDays: {
    least: 1,
    most: 3650,
    whole: true,
    said: 'Write a whole number of days from 1 to 3,650, or nothing to keep all.',
  },
  mailsPerSecond: {
    least: 0.01,
    most: 10_000,
    whole: false,
    said: 'Write a number from 0.01 to 10,000, or nothing for no limit.',
  },
  failurePercent: { least: 1, most: 100, whole: false, said: 'Write a number from 1 to 100, or nothing for never.' },
} as const
const rateSaid = 'Write a domain, and a number from 0.01 to 10,000.'

/** The fields as they show these settings. */
export function formOf(settings: Settings): SettingsForm {
  return {
    linkLifeDays: String(settings.linkLifeDays),
    retentionDays: textOf(settings.retentionDays),
    mailsPerSecond: textOf(settings.mailsPerSecond),
    failurePercent: settings.failureShare === null ? '' : String(Math.round(settings.failureShare * 10_000) / 100),
    domainRates: settings.domainRates.map((rate) => ({
      domain: rate.domain,
      mailsPerSecond: String(rate.mailsPerSecond),
    })),
  }
}

/** What is wrong with what was typed; whether a domain is one, the server says. */
export function problemsOf(form: SettingsForm): FormProblems {
  const problems: FormProblems = {
    domainRates: form.domainRates.map((rate) =>
      rate.domain.trim() !== '' && fits('mailsPerSecond', rate.mailsPerSecond) && rate.mailsPerSecond.trim() !== ''
        ? undefined
        : rateSaid,
    ),
  }
  if (!fits('linkLifeDays', form.linkLifeDays) || form.linkLifeDays.trim() === '')
    problems.linkLifeDays = ranges.linkLifeDays.said
  for (const field of ['retentionDays', 'mailsPerSecond', 'failurePercent'] as const)
    if (!fits(field, form[field])) problems[field] = ranges[field].said
  return problems
}

/** True when nothing is wrong. */
export function isSound({ domainRates, ...fields }: FormProblems): boolean {
  return Object.keys(fields).length === 0 && domainRates.every((problem) => problem === undefined)
}

/**
 * The settings whose fields were changed, and no more, so that what somebody else changes meanwhile stays, and what a
 * program has set more exactly than a field shows. The form is sound.
 */
export function patchOf(form: SettingsForm, settings: Settings): SettingsPatch {
  const before = formOf(settings)
  const changed = (field: keyof SettingsForm) => JSON.stringify(form[field]) !== JSON.stringify(before[field])
  return {
    ...(changed('linkLifeDays') && { linkLifeDays: Number(form.linkLifeDays) }),
    ...(changed('retentionDays') && { retentionDays: numberOf(form.retentionDays) }),
    ...(changed('mailsPerSecond') && { mailsPerSecond: numberOf(form.mailsPerSecond) }),
    ...(changed('failurePercent') && { failureShare: shareOf(form.failurePercent) }),
    ...(changed('domainRates') && {
      domainRates: form.domainRates.map(({ domain, mailsPerSecond }) => ({
        domain: domain.trim(),
        mailsPerSecond: Number(mailsPerSecond),
      })),
    }),
  }
}

/** True when nothing was typed that these settings do not say already. */
export function isUnchanged(form: SettingsForm, settings: Settings): boolean {
  return JSON.stringify(form) === JSON.stringify(formOf(settings))
}

/** True when saving would remove sessions that these settings keep. The form is sound. */
export function removesMoreSessions(form: SettingsForm, { retentionDays }: Settings): boolean {
  const wanted = numberOf(form.retentionDays)
  return wanted !== null && (retentionDays === null || wanted < retentionDays)
}

function textOf(value: number | null): string {
  return value === null ? '' : String(value)
}

function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text)
}

function shareOf(text: string): number | null {
  const percent = numberOf(text)
  return percent === null ? null : Math.round(percent * 100) / 10_000
}

function fits(field: keyof typeof ranges, text: string): boolean {
  const { least, most, whole } = ranges[field]
  const value = numberOf(text)
  return value === null || (value >= least && value <= most && (!whole || Number.isInteger(value)))
}
