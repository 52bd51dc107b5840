import { readConfig } from '../config.ts'
import { runUntilSignal } from '../process.ts'
import { start } from '../start.ts'
import { insertDemoLeads } from './leads.ts'

const leads = 5000

/**
 * A Rollcall to try things with: made-up leads, and mail that nobody gets. Whatever the environment says of a database
 * or a mail server is left out, so a trial can neither reach real people nor write among real leads.
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
