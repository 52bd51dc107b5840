import type { Client } from 'pg'
import type { Rollcall } from '../support/rollcall.ts'

/** What every part of the benchmark is given. */
export interface Bench {
  rollcall: Rollcall
  /** Of the same database. */
  client: Client
  rounds: number
  /** Milliseconds of processor time that the server and its database have had so far. */
  processorTime: () => number
  say: (line: string) => void
}
