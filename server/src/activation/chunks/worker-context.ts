import type { KeyObject } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../../db/database.ts'
import type { RateLimiter } from '../../mail/rate-limit/rate-limiter.ts'
import type { SmtpSender } from '../../mail/smtp/types.ts'
import type { Outbox } from './outbox.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'

/** What a process needs to run activations. */
export interface WorkerContext extends ActivationDeps {
  logger: FastifyBaseLogger
  /** The same database, over connections for statements that go by keys: see `openWorkerPool`. */
  workerDatabase: Database
  /** The id under which this process owns chunks; null while it must not work, because its last stored heartbeat is too old. */
  nodeId: () => string | null
  /** Signs activation links. */
  linkKey: KeyObject
  sender: SmtpSender
  rateLimiter: RateLimiter
  /** What names the mail server among all nodes: host and port, or the built-in mailbox. */
  mailServer: string
  outbox: Outbox
  random: () => number
  /** The chunks that this process works on right now, as `session chunk phase`. */
  chunksInProgress: Set<string>
  /** True once the process is stopping: nothing new is begun. */
  stopping: () => boolean
}
