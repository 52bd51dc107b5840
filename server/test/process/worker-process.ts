import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './port.ts'

const main = path.join(import.meta.dirname, '../../src/main.ts')
/** Node keeps compiled modules here for the next process, which halves the time of a start. */
const compileCache = path.join(tmpdir(), 'rollcall-compile-cache')

/** A Rollcall process that only runs activations, and that a test may kill, freeze or end at any time. */
export interface WorkerProcess {
  readonly pid: number
  /** Whether the process runs: false between a kill and the next start. */
  readonly running: boolean
  /** Resolves when the process is ready; rejects when it ends before that. */
  start(): Promise<void>
  kill(): Promise<void>
  /** Stops the process by SIGSTOP, and lets it go on by SIGCONT after so many milliseconds. */
  freeze(milliseconds: number): Promise<void>
  /** Ends the process by SIGTERM; resolves to its exit code. */
  end(): Promise<number | null>
}

/** Creates a worker that is not started yet; its log is written to `logFile`. */
export function workerProcess(environment: Record<string, string>, logFile: string): WorkerProcess {
  const log = createWriteStream(logFile, { flags: 'a' })
  let child: ChildProcess | null = null
  let exited: Promise<number | null> = Promise.resolve(null)

  return {
    get pid() {
      return child?.pid ?? 0
    },
    get running() {
      return child !== null
    },
    async start() {
      const port = await freePort()
      const started = spawn(process.execPath, [main], {
        env: {
          NODE_COMPILE_CACHE: compileCache,
          ...process.env,
          ...environment,
          MODE: 'worker',
          PORT: String(port),
          LOG_LEVEL: 'warn',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      started.stdout.pipe(log, { end: false })
      started.stderr.pipe(log, { end: false })
      exited = new Promise((resolve) => started.on('exit', (code) => resolve(code)))
      child = started
      while (!(await answers(port))) {
        if (started.exitCode === null && started.signalCode === null) await wait(50)
        else throw new Error(`The worker ended with ${await exited} before it worked; see ${logFile}.`)
      }
    },
    async kill() {
      child?.kill('SIGKILL')
      await exited
      child = null
    },
    async freeze(milliseconds) {
      const frozen = child
      frozen?.kill('SIGSTOP')
      await wait(milliseconds)
      frozen?.kill('SIGCONT')
    },
    async end() {
      child?.kill('SIGTERM')
      const code = await exited
      child = null
      return code
    },
  }
}

async function answers(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => null)
  return answer?.ok === true
}
