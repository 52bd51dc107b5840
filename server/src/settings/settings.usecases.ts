import type { DomainRate, Person, Settings, SettingsAnswer, SettingsPatch } from '@rollcall/shared'
import type { Queryable } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkDomain } from '../mail/address.ts'
import { storedSettings, storeSettings } from './settings.queries.ts'

/** What holds until somebody changes it. */
export const defaultSettings: Settings = {
  retentionDays: null,
  mailsPerSecond: null,
  domainRates: [],
  linkLifeDays: 7,
  failureShare: 0.5,
}

/** The settings as they are now. */
export async function readSettings(database: Queryable): Promise<Settings> {
  const { changed: _, ...settings } = await showSettings(database)
  return settings
}

/** The settings as they are now, and who changed anything last. */
export async function showSettings(database: Queryable): Promise<SettingsAnswer> {
  const rows = await storedSettings(database)
  // A row of a setting that this release does not have stays where it is and is not told.
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
 * Changes what the patch names, for good and for every node, and gives all settings as they are then. The patch has the
 * shape of the contract; refuses domains that are none and those that are named twice.
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

/** Domains as addresses carry them, in lower case, so that a rate finds its mails. */
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
