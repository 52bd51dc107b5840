import { SettingsAnswer, SettingsPatch } from '@rollcall/shared'
import type { Database } from '../db/database.ts'
import { answers, ok } from '../http/envelope.ts'
import { servePageToBrowsers } from '../http/web.ts'
import { requireRole } from '../http/authorization.ts'
import type { Server } from '../http/server.ts'
import { changeSettings, showSettings } from './settings.usecases.ts'

const tags = ['settings']

/** Adds the routes for settings that are changed while Rollcall runs. The web app has a page at the same path. */
export async function settingsRoutes(server: Server, options: { database: Database; now: () => Date }): Promise<void> {
  const { database, now } = options

  server.get(
    '/settings',
    {
      onRequest: [servePageToBrowsers, requireRole('admin')],
      schema: { summary: 'The settings, and who changed any last', tags, response: answers(SettingsAnswer) },
    },
    async () => ok(await showSettings(database)),
  )

  server.patch(
    '/settings',
    {
      onRequest: requireRole('superadmin'),
      schema: {
        summary: 'Changes the settings that are named; the rest stays',
        tags,
        body: SettingsPatch,
        response: answers(SettingsAnswer),
      },
    },
    async (request) => {
      const { id, name } = request.staff
      const changed = await changeSettings(database, request.body, { id, name }, now())
      request.log.info({ staff: id, settings: Object.keys(request.body) }, 'settings changed')
      return ok(changed)
    },
  )
}
