import { afterAll, beforeAll, beforeEach } from 'vitest'
import { createActivation, type Activation } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from './scripted-smtp-server.ts'

/** A database, a mail server, and workers that send to it. */
export interface ActivationWithMailServer {
  readonly test: TestDatabase
  readonly activation: Activation
  readonly smtp: ScriptedSmtpServer
}

/**
 * Starts a database, a scripted mail server and workers (one unless told otherwise) for the tests of a `describe`; each worker
 * has `connections` connections to the mail server. Before each test, the mail server has no script and no mails.
 */
export function useActivationWithMailServer(options: {
  connections: number
  workers?: number
  signsIn?: boolean
}): ActivationWithMailServer {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer

  beforeAll(async () => {
    test = await createTestDatabase()
    activation = await createActivation(test)
    smtp = await startScriptedSmtpServer(options.signsIn ? { extensions: ['AUTH PLAIN'] } : {})
    const url = options.signsIn ? smtp.url.replace('//', '//user:secret@') : smtp.url
    for (let worker = 0; worker < (options.workers ?? 1); worker += 1)
      await activation.work(`${url}?connections=${options.connections}&ignoreTLS=true`)
  })
  beforeEach(() => {
    smtp.script = () => undefined
    smtp.mails.length = 0
  })
  afterAll(async () => {
    await activation.close()
    await smtp.stop()
    await test.close()
  })

  return {
    get test() {
      return test
    },
    get activation() {
      return activation
    },
    get smtp() {
      return smtp
    },
  }
}
