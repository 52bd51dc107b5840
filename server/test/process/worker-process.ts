import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './port.ts'

const main = path.join(import.meta.dirname, '../../src/main.ts')
/** What Node compiled is kept for the next process: half of what a start costs. */
const compileCache = path.join(tmpdir(), 'rollcall-compile-cache')

/** A Rollcall process that only runs activations, and that a test may treat as badly as it likes. */
export interface WorkerProcess {
  readonly pid: number
  /** False between a kill and the next start. */
  readonly running: boolean
  /** Resolves when it works; rejects when it ended before that. */
  start(): Promise<void>
  kill(): Promise<void>
  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  freeze(milliseconds: number): Promise<void>
  /** SIGTERM; gives the exit code. */
  end(): Promise<number | null>
}

/** A worker that is not started yet; its log goes to `logFile`. */
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
