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
  /** The same database, over connections for statements that find every row by its key; see `openWorkerPool`. */
  workerDatabase: Database
  /** The id under which this process owns chunks; null while it must not work, because its last stored heartbeat is too old. */
  nodeId: () => string | null
  /** The key that signs activation links. */
  linkKey: KeyObject
  sender: SmtpSender
  rateLimiter: RateLimiter
  /** The name of the mail server, which is the same on all nodes: host and port, or the built-in mailbox. */
  mailServer: string
  outbox: Outbox
  random: () => number
  /** The chunks that this process works on right now, as `session chunk phase`. */
  chunksInProgress: Set<string>
  /** True from the moment on in which the process is stopping, when it begins nothing new. */
  stopping: () => boolean
}
