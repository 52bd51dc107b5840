import type { Client } from 'pg'
import type { Rollcall } from '../support/rollcall.ts'

/** The dependencies of every part of the benchmark. */
export interface Bench {
  rollcall: Rollcall
  /** A connection to Rollcall's database. */
  client: Client
  rounds: number
  /** Returns the processor time that the server and its database have used so far, in milliseconds. */
  processorTime: () => number
  say: (line: string) => void
}
