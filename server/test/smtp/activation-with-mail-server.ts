import { createActivation, type Activation } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** A database, a mail server, and workers that send to it. */
export interface ActivationWithMailServer {
  test: TestDatabase
  activation: Activation
  smtp: ScriptedSmtpServer
  close: () => Promise<void>
}

/** Starts a database, a scripted mail server and workers (one unless told otherwise), each of which has `connections` connections to it. */
export async function startActivationWithMailServer(options: {
  connections: number
  workers?: number
  signsIn?: boolean
}): Promise<ActivationWithMailServer> {
  const test = await createTestDatabase()
  const activation = await createActivation(test)
  const smtp = await startScriptedSmtpServer(options.signsIn ? { extensions: ['AUTH PLAIN'] } : {})
  const url = options.signsIn ? smtp.url.replace('//', '//user:secret@') : smtp.url
  for (let worker = 0; worker < (options.workers ?? 1); worker += 1)
    await activation.work(`${url}?connections=${options.connections}&ignoreTLS=true`)
  return {
    test,
    activation,
    smtp,
    async close() {
      await activation.close()
      await smtp.stop()
      await test.close()
    },
  }
}
