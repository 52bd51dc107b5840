import { fork, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** A program that runs beside the benchmark. */
export interface Program {
  pid: number
  /** Resolves with the exit code. */
  ended: Promise<number | null>
  /** Asks the program to end, and resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a program; it is ended with the benchmark, however that ends. */
export function startProgram(
  command: string,
  parameters: readonly string[],
  options: { environment?: NodeJS.ProcessEnv; log?: number; cwd?: string } = {},
): Program {
  const output = options.log ?? 'ignore'
  const child = spawn(command, parameters, {
    env: options.environment ?? process.env,
    stdio: ['ignore', output, output],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  return programOf(child)
}

function programOf(child: ChildProcess): Program {
  const onExit = () => void child.kill('SIGTERM')
  process.once('exit', onExit)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      process.off('exit', onExit)
      resolve(code)
    })
  })
  return {
    pid: child.pid ?? 0,
    ended,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
    },
  }
}

/** A module of the benchmark in a Node process of its own, which answers requests. */
export interface Helper extends Program {
  /** Sends a request and resolves with the answer to it; one at a time. Rejects when the process ends before. */
  ask<Answer>(request: unknown): Promise<Answer>
}

/** Runs a module in a process of its own. */
export function startHelper(module: URL, parameters: readonly string[] = []): Helper {
  const child = fork(module, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const program = programOf(child)
  return {
    ...program,
    ask<Answer>(request: unknown) {
      return new Promise<Answer>((resolve, reject) => {
        const onEnd = (code: number | null) =>
          reject(new Error(`${path.basename(module.pathname)} ended with ${code}.`))
        child.once('exit', onEnd)
        child.once('message', (answer) => {
          child.off('exit', onEnd)
          resolve(answer as Answer)
        })
        child.send(request as object)
      })
    },
  }
}

/** Answers every request to this helper process with what `answer` resolves to. */
export function answerRequests(answer: (request: unknown) => Promise<unknown>): void {
  process.on('message', (request) => {
    answer(request).then(
      (given) => process.send?.(given ?? null),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
        process.exit(1)
      },
    )
  })
}

/** Waits until a program listens on the port; throws after 20 s. */
export async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (open) return
    await wait(50)
  }
  throw new Error(`Nothing listens on port ${port}.`)
}

/** The kernel counts processor time in clock ticks, of which every Linux has 100 a second. */
const ticksPerSecond = 100

/** Returns the processor time that a process has used, with its threads and the children it has waited for, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold anything; the 14th to 17th fields are utime, stime, cutime and cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, each) => sum + Number(each), 0)
  return ticks / ticksPerSecond
}

/** Returns the processor time of a PostgreSQL in seconds: of the postmaster, its running children, and those that have ended. */
export function cpuSecondsOfFamily(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  let sum = cpuSeconds(pid)
  for (const child of children) {
    try {
      sum += cpuSeconds(Number(child))
    } catch {
      // The process has ended since it was listed.
    }
  }
  return sum
}

/** Resets the peak of a process's memory, so that the next reading is the peak since this call. */
export function forgetPeakMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Returns the peak of a process's resident memory, in MB. */
export function peakMemory(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? NaN) / 1024
}
