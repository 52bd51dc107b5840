import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../process/port.ts'

/** A real Redis of the tests' own, which may be killed and started again on the same port. */
export interface TestRedis {
  port: number
  url: string
  start(): Promise<void>
  kill(): Promise<void>
  /** Sends a command with redis-cli; returns the answer as text. */
  ask(words: string[], password?: string): Promise<string>
  /** Ends Redis and removes its folder. */
  stop(): Promise<void>
}

const missing =
  'These tests need the program redis-server and did not find it; install it (Debian and Ubuntu: apt-get install redis-server).'

/** Starts Redis on a free port of 127.0.0.1, with nothing kept on disk; `settings` are further ones of its configuration. */
export async function startRedis(settings: Record<string, string> = {}): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-redis-'))
  const port = await freePort()
  const isTls = settings['tls-port'] !== undefined
  const ports = isTls ? { port: '0', 'tls-port': String(port) } : { port: String(port) }
  const all = { bind: '127.0.0.1', dir: folder, save: '', ...settings, ...ports }
  const words = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])
  let running: ChildProcess | null = null

  async function start(): Promise<void> {
    const started = spawn('redis-server', words, { stdio: 'ignore' })
    const failed = once(started, 'error').then(([error]: NodeJS.ErrnoException[]) => {
      throw error?.code === 'ENOENT' ? new Error(missing) : error
    })
    const ended = once(started, 'exit').then(() => {
      throw new Error(`redis-server ended by itself; it was started with ${words.join(' ')}`)
    })
    running = started
    await Promise.race([answers(port), failed, ended])
    for (const promise of [failed, ended]) promise.catch(() => undefined)
  }

  async function kill(): Promise<void> {
    const killed = running
    running = null
    if (killed === null || killed.exitCode !== null) return
    killed.kill('SIGKILL')
    await once(killed, 'exit')
  }

  async function ask(command: string[], password = ''): Promise<string> {
    const environment = { ...process.env, REDISCLI_AUTH: password }
    return (await promisify(execFile)('redis-cli', ['-p', String(port), ...command], { env: environment })).stdout
  }

  async function stop(): Promise<void> {
    await kill()
    await rm(folder, { recursive: true, force: true })
  }

  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { port, url: `${isTls ? 'rediss' : 'redis'}://127.0.0.1:${port}`, start, kill, ask, stop }
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await wait(20)
    } finally {
      socket.destroy()
    }
  }
  throw new Error('redis-server did not answer in time.')
}
