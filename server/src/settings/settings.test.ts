import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SettingsAnswer } from '@rollcall/shared'
import { createTestApp, type App } from '../../test/app/app.ts'
import { actor } from '../../test/app/activation.ts'
import { createTestDatabase } from '../../test/database/database.ts'
import { changeSettings, defaultSettings, readSettings } from './settings.usecases.ts'

describe('the settings', () => {
  let app: App

  beforeAll(async () => {
    app = await createTestApp()
  })
  afterAll(() => app.close())
  afterEach(() => app.test.pool.query('DELETE FROM settings'))

  const patch = (body: unknown, role: 'admin' | 'superadmin' = 'superadmin') =>
    app.call<SettingsAnswer>('PATCH', '/settings', { role, body })

  it('The settings have their defaults until somebody changes them', async () => {
    const { status, data } = await app.call<SettingsAnswer>('GET', '/settings')
    expect(status).toBe(200)
    expect(data).toEqual({ ...defaultSettings, changed: null })
    expect(data).toMatchObject({ retentionDays: null, mailsPerSecond: null, linkLifeDays: 7, failureShare: 0.5 })
  })

  it('A change replaces the settings that it names and keeps the others, and the answer tells who made it', async () => {
    await patch({ retentionDays: 90, mailsPerSecond: 0.5 })
    const { status, data } = await patch({ linkLifeDays: 3, mailsPerSecond: 2.5 })
    expect(status).toBe(200)
    expect(data).toMatchObject({ ...defaultSettings, retentionDays: 90, mailsPerSecond: 2.5, linkLifeDays: 3 })
    expect(data.changed?.by.id).toBe(app.staff.superadmin.id)
    expect((await app.call<SettingsAnswer>('GET', '/settings')).data).toEqual(data)
    expect(await readSettings(app.test.database)).toEqual({
      ...defaultSettings,
      retentionDays: 90,
      mailsPerSecond: 2.5,
      linkLifeDays: 3,
    })
  })

  it('The values "never" and "no limit" of settings are kept apart from the defaults', async () => {
    await patch({ retentionDays: 10, failureShare: 0.2 })
    const { data } = await patch({ retentionDays: null, failureShare: null })
    expect(data).toMatchObject({ retentionDays: null, failureShare: null })
    expect(await readSettings(app.test.database)).toMatchObject({ retentionDays: null, failureShare: null })
  })

  it('Admins may read the settings, superadmins may change them, and others may do neither', async () => {
    const read = async (role: 'support' | 'admin' | null) => (await app.call('GET', '/settings', { role })).status
    expect(await Promise.all([read(null), read('support'), read('admin')])).toEqual([401, 403, 200])
    expect((await patch({ linkLifeDays: 2 }, 'admin')).status).toBe(403)
    expect(await readSettings(app.test.database)).toEqual(defaultSettings)
  })

  it('A malformed change of settings is refused with 400 and a sentence that says why, and changes nothing', async () => {
    for (const [body, word] of [
      [{ retentionDays: 0 }, 'retentionDays'],
      [{ retentionDays: 3651 }, 'retentionDays'],
      [{ retentionDays: 1.5 }, 'retentionDays'],
      [{ mailsPerSecond: 0 }, 'mailsPerSecond'],
      [{ mailsPerSecond: '5' }, 'mailsPerSecond'],
      [{ linkLifeDays: 91 }, 'linkLifeDays'],
      [{ linkLifeDays: null }, 'linkLifeDays'],
      [{ failureShare: 1.01 }, 'failureShare'],
      [{ domainRates: [{ domain: 'a.example', mailsPerSecond: 10_001 }] }, 'domainRates'],
      [{ domainRates: [{ domain: 'a.example', mailsPerSecond: 1, more: 1 }] }, 'more'],
      [{ linkLifeDays: 4, colour: 'red' }, 'colour'],
      [[], 'object'],
    ] as const) {
      const { status, code, msg } = await patch(body)
      expect({ body, status, code }).toEqual({ body, status: 400, code: 'BAD_REQUEST' })
      expect(msg).toContain(word)
    }
    expect(await readSettings(app.test.database)).toEqual(defaultSettings)
  })

  it('A rate for what is no domain, or for a domain that is named twice, is refused with 422', async () => {
    for (const domain of [
      'localhost',
      'ada@example.com',
      'https://example.com',
      'exa mple.com',
      '1.2.3.4',
      '-a.example',
    ]) {
      const { status, code, msg } = await patch({ linkLifeDays: 5, domainRates: [{ domain, mailsPerSecond: 1 }] })
      expect({ status, code }).toEqual({ status: 422, code: 'SETTING_NOT_POSSIBLE' })
      expect(msg).toContain(`"${domain}" is not a domain`)
    }
    const twice = await patch({
      domainRates: ['a.example', 'A.example.'].map((domain) => ({ domain, mailsPerSecond: 1 })),
    })
    expect(twice).toMatchObject({ status: 422, msg: 'a.example is named twice; give each domain one rate.' })
    expect(await readSettings(app.test.database)).toEqual(defaultSettings)
  })

  it('The domains of rates are stored as mail addresses have them', async () => {
    const { data } = await patch({
      domainRates: [' GMail.COM ', 'bücher.example'].map((domain) => ({ domain, mailsPerSecond: 1 })),
    })
    expect(data.domainRates.map(({ domain }) => domain)).toEqual(['gmail.com', 'xn--bcher-kva.example'])
  })

  it('Changes of different settings that come at the same time are all made, whoever makes them', async () => {
    await Promise.all([
      ...Array.from({ length: 10 }, (_, index) => patch({ linkLifeDays: index + 1, mailsPerSecond: index + 1 })),
      ...Array.from({ length: 10 }, () => patch({ mailsPerSecond: 7, linkLifeDays: 20, retentionDays: 30 })),
    ])
    expect((await readSettings(app.test.database)).retentionDays).toBe(30)
  })
})

describe('the address of the settings', () => {
  it('The path of the settings is a page in a browser and a call for programs', async () => {
    const webFolder = await mkdtemp(path.join(tmpdir(), 'rollcall-web-'))
    await writeFile(path.join(webFolder, 'index.html'), '<title>the page</title>')
    const app = await createTestApp({ webFolder })
    const page = await app.call('GET', '/settings', { headers: { accept: 'text/html,*/*;q=0.8' }, role: null })
    expect(page).toMatchObject({ status: 200, text: '<title>the page</title>' })
    expect(page.headers.get('vary')).toMatch(/(^|, ?)accept($|,)/)
    const call = await app.call<SettingsAnswer>('GET', '/settings', { headers: { accept: '*/*' } })
    expect(call.data.linkLifeDays).toBe(7)
    await app.close()
    await rm(webFolder, { recursive: true })
  })
})

describe('a change of settings', () => {
  it('A change of settings that changes nothing keeps who made the change before', async () => {
    const test = await createTestDatabase()
    const [first, second] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')]
    await changeSettings(test.database, { linkLifeDays: 9 }, actor, first)
    const again = await changeSettings(test.database, { linkLifeDays: 9 }, { id: 'other', name: 'Other' }, second)
    expect(again.changed).toEqual({ at: first.toISOString(), by: actor })
    expect((await changeSettings(test.database, {}, actor, second)).changed?.at).toBe(first.toISOString())
    await test.close()
  })
})
