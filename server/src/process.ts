import { setTimeout as wait } from 'node:timers/promises'
import { ConfigError } from './config.ts'
import type { Running } from './start.ts'

/** In milliseconds. A stop that takes longer is given up. */
const longestStop = 40_000

/** Runs a Rollcall until SIGTERM or SIGINT, then stops it and ends the process with 0, or with 1 where something failed. */
export async function runUntilSignal(start: () => Promise<Running>): Promise<void> {
  try {
    const running = await start()
    console.log(running.banner)
    await signal()
    const late = wait(longestStop, 'late', { ref: false })
    process.exit((await Promise.race([running.stop(), late])) === 'late' ? 1 : 0)
  } catch (error) {
    console.error(explain(error))
    process.exit(1)
  }
}

/** Resolves at the first signal to stop. Further signals have no effect. */
function signal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => resolve())
  })
}

const listenSentences: Record<string, string> = {
  EADDRINUSE: 'PORT is in use by another program; choose another one.',
  EACCES: 'PORT may not be used by this user; choose one above 1023.',
  EADDRNOTAVAIL: 'HOST is no address of this machine; use 127.0.0.1, or 0.0.0.0 for every address.',
  ENOTFOUND: 'HOST is not known; use 127.0.0.1, or 0.0.0.0 for every address.',
}

/** Writes what a person reads when the start fails: one line where they can solve it, and the stack where only a developer can. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const sentence = listenSentences[(error as NodeJS.ErrnoException).code ?? '']
  if (sentence !== undefined && (error as NodeJS.ErrnoException).syscall !== 'connect') return sentence
  if (!(error instanceof Error)) return String(error)
  return isMistake(error) ? (error.stack ?? error.message) : error.message
}

/** True for the kinds of errors that JavaScript itself throws, which mean that the code is wrong and not what it was given. */
function isMistake(error: Error): boolean {
  return [TypeError, ReferenceError, RangeError, SyntaxError].some((kind) => error instanceof kind)
}
