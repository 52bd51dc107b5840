import type { PgBoss } from 'pg-boss'
import type { Database } from '../../db/database.ts'

/** What the use cases of activation need. */
export interface ActivationDeps {
  database: Database
  boss: PgBoss
  now: () => Date
  /** Publishes, after the commit, that these sessions have a newer version; `urgent` where a status changed. */
  publish: (sessionIds: string[], urgent: boolean) => void
}
