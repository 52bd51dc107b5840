import { afterAll, afterEach, beforeAll } from 'vitest'
import { runCommand } from '../../src/activation/commands/commands.usecases.ts'
import { actor } from './activation.ts'
import { createTestApp, type App, type Watcher } from './app.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'

/** An app with a worker, whose live connections are closed after each test. */
export interface LiveApp {
  readonly app: App
  readonly smtp: ScriptedSmtpServer
  /** Opens a live connection, as an admin's program unless the headers say otherwise. */
  watch: (headers?: Record<string, string>) => Promise<Watcher>
  /** Closes a live connection of another app after the test, too. */
  closeAfterwards: (watcher: Watcher) => void
  /** Starts a session, pauses it so that nothing of it changes by itself, and returns its id. */
  pausedSession: (leads?: number) => Promise<string>
  /** Raises the stored version of a session without publishing it, and returns the new version. */
  raiseVersion: (sessionId: string) => Promise<number>
}

/** Sets up the app for all tests of a file, and closes it after them. */
export function setUpLiveApp(): LiveApp {
  let app: App
  let smtp: ScriptedSmtpServer
  const watchers: Watcher[] = []

  beforeAll(async () => {
    app = await createTestApp()
    smtp = await startScriptedSmtpServer()
    await app.activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
  })
  afterEach(() => {
    for (const watcher of watchers.splice(0)) watcher.close()
    smtp.script = () => undefined
  })
  afterAll(async () => {
    await app.close()
    await smtp.stop()
  })

  return {
    get app() {
      return app
    },
    get smtp() {
      return smtp
    },
    async watch(headers) {
      const watcher = await app.watch(headers)
      watchers.push(watcher)
      return watcher
    },
    closeAfterwards: (watcher) => void watchers.push(watcher),
    async pausedSession(leads = 3) {
      const { sessionId } = await app.activation.start(
        { ids: await app.activation.addLeads(leads) },
        { startAt: new Date(Date.now() + 3_600_000).toISOString() },
      )
      await runCommand(app.activation.deps, 'pause', sessionId, actor)
      return sessionId
    },
    async raiseVersion(sessionId) {
      const { rows } = await app.test.pool.query<{ version: string }>(
        'UPDATE sessions SET version = version + 1 WHERE id = $1 RETURNING version',
        [sessionId],
      )
      return Number(rows[0]?.version)
    },
  }
}
