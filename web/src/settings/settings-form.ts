import type { Settings, SettingsPatch } from '@rollcall/shared'
import { words } from '../words/index.ts'

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
  linkLifeDays: { least: 1, most: 90, whole: true },
  retentionDays: { least: 1, most: 3650, whole: true },
  mailsPerSecond: { least: 0.01, most: 10_000, whole: false },
  failurePercent: { least: 1, most: 100, whole: false },
} as const

/** What is said at each field whose number does not fit. */
function sentences(): Record<keyof typeof ranges, string> {
  const { mails, links } = words.settings
  return {
    linkLifeDays: links.lifeProblem,
    retentionDays: links.retentionProblem,
    mailsPerSecond: mails.perSecondProblem,
    failurePercent: mails.failuresProblem,
  }
}

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
        : words.settings.domains.problem,
    ),
  }
  if (!fits('linkLifeDays', form.linkLifeDays) || form.linkLifeDays.trim() === '')
    problems.linkLifeDays = sentences().linkLifeDays
  for (const field of ['retentionDays', 'mailsPerSecond', 'failurePercent'] as const)
    if (!fits(field, form[field])) problems[field] = sentences()[field]
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
