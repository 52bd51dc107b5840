import { readConfig } from '../config.ts'
import { runUntilSignal } from '../process.ts'
import { start } from '../start.ts'
import { insertDemoLeads } from './leads.ts'

const leads = 5000

/**
 * Starts a Rollcall to try things with: it has made-up leads, and its mail reaches nobody. Variables that name a database or
 * a mail server are ignored, so that nothing here can reach real people or change real leads.
 */
await runUntilSignal(() => {
  const config = readConfig({
    ...process.env,
    DATABASE_URL: undefined,
    SMTP_URL: undefined,
    REDIS_URL: undefined,
    MODE: undefined,
    DATA_DIR: `${process.env.DATA_DIR ?? '.data'}-demo`,
  })
  return start(config, async (database) => {
    await insertDemoLeads(database, leads)
  })
})
