import type { DomainRate, Person, Settings, SettingsAnswer, SettingsPatch } from '@rollcall/shared'
import type { Queryable } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkDomain } from '../mail/address.ts'
import { storedSettings, storeSettings } from './settings.queries.ts'

/** The settings of an installation in which nobody has changed any. */
export const defaultSettings: Settings = {
  retentionDays: null,
  mailsPerSecond: null,
  domainRates: [],
  linkLifeDays: 7,
  failureShare: 0.5,
}

/** Reads the current settings. */
export async function readSettings(database: Queryable): Promise<Settings> {
  const { changed: _, ...settings } = await showSettings(database)
  return settings
}

/** Reads the current settings, and who made the last change. */
export async function showSettings(database: Queryable): Promise<SettingsAnswer> {
  const rows = await storedSettings(database)
  // A row of a setting that this release does not know stays stored and is not shown.
  const known = rows.filter(({ name }) => Object.hasOwn(defaultSettings, name))
  const last = known[0]
  return {
    ...defaultSettings,
    ...(Object.fromEntries(known.map(({ name, value }) => [name, value])) as Partial<Settings>),
    changed:
      last === undefined
        ? null
        : {
            at: new Date(last.updated_at).toISOString(),
            by: { id: last.updated_by_id, name: last.updated_by_name },
          },
  }
}

/**
 * Changes the settings that the patch names, for every node, and returns all settings afterwards. The patch must have been
 * validated against the contract.
 *
 * @throws DomainError SETTING_NOT_POSSIBLE for a domain that is none, or is named twice
 */
export async function changeSettings(
  database: Queryable,
  patch: SettingsPatch,
  actor: Person,
  now: Date,
): Promise<SettingsAnswer> {
  const { domainRates, ...rest } = patch
  await storeSettings(
    database,
    domainRates === undefined ? rest : { ...rest, domainRates: checkedRates(domainRates) },
    actor,
    now,
  )
  return showSettings(database)
}

/** Writes the domains as mail addresses have them, in lower case, so that a rate applies to its mails. */
function checkedRates(rates: readonly DomainRate[]): DomainRate[] {
  const seen = new Set<string>()
  return rates.map(({ domain, mailsPerSecond }) => {
    const checked = checkDomain(domain)
    if (checked === null)
      throw new DomainError(
        'SETTING_NOT_POSSIBLE',
        `"${domain}" is not a domain that mail can go to; write only what stands after the @, such as example.com.`,
        { setting: 'domainRates', domain },
      )
    if (seen.has(checked))
      throw new DomainError('SETTING_NOT_POSSIBLE', `${checked} is named twice; give each domain one rate.`, {
        setting: 'domainRates',
        domain: checked,
      })
    seen.add(checked)
    return { domain: checked, mailsPerSecond }
  })
}
