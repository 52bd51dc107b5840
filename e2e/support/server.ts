import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { makeFolder } from '../../server/test/process/folder.ts'
import { freePort } from '../../server/test/process/port.ts'

export { freePort } from '../../server/test/process/port.ts'

export const superadmin = { email: 'admin@rollcall.localhost', password: 'correct-horse-battery' }

export interface RollcallServer {
  /** The address that a browser opens. */
  readonly url: string
  readonly port: number
  /** Resolves to the address of the database that the server uses. */
  databaseUrl(): Promise<string>
  /** Everything that the server wrote, also before it was started again. */
  readonly output: string
  /** Returns the lines of the log that report an error. */
  errors(): string[]
  /** Ends the server at once, as a crash does. */
  kill(): Promise<void>
  /** Starts the server again after a kill, on the same port and the same data. */
  restart(): Promise<void>
  /** Ends the server and its embedded PostgreSQL as an operator does, and removes the data. */
  stop(): Promise<void>
}

export interface ServerOptions {
  /** The database; without it, the server uses the embedded PostgreSQL. */
  databaseUrl?: string
  /** The mail server; without it, the server uses the built-in mailbox. */
  smtpUrl?: string
  /** The value of PUBLIC_URL; without it, `http://localhost:PORT`. */
  publicUrl?: string
  /** Further environment variables. */
  environment?: Record<string, string>
}

const root = path.join(import.meta.dirname, '../..')
const startMilliseconds = 90_000
const stopMilliseconds = 45_000

/** Starts Rollcall as `npm start` does, in a process and a data folder of its own; resolves once it printed its banner. */
export async function startServer(options: ServerOptions = {}): Promise<RollcallServer> {
  const dataDirectory = await makeFolder('rollcall-e2e-')
  const port = await freePort()
  const url = options.publicUrl ?? `http://localhost:${port}`
  let output = ''
  let child = await launch()

  async function launch(): Promise<ChildProcess> {
    const launched = spawn(process.execPath, ['server/src/main.ts'], {
      cwd: root,
      env: environment({ ...options, port, dataDirectory, publicUrl: url }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const endWithUs = () => launched.kill('SIGKILL')
    process.once('exit', endWithUs)
    launched.once('exit', () => process.off('exit', endWithUs))
    const before = output.length
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        launched.kill('SIGKILL')
        reject(new Error(`Rollcall did not start: ${why}.\n${output.slice(before)}`))
      }
      const timer = setTimeout(() => fail('it took too long'), startMilliseconds)
      const hear = (data: Buffer) => {
        output += data.toString('utf8')
        if (output.includes('Rollcall is running', before)) {
          clearTimeout(timer)
          resolve()
        }
      }
      launched.stdout.on('data', hear)
      launched.stderr.on('data', hear)
      launched.once('exit', (code) => {
        clearTimeout(timer)
        fail(`it ended with ${code}`)
      })
    })
    return launched
  }

  const isRunning = () => child.exitCode === null && child.signalCode === null

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!isRunning()) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMilliseconds)
    await ended
    clearTimeout(timer)
  }

  return {
    url,
    port,
    databaseUrl: async () => options.databaseUrl ?? embeddedUrl(dataDirectory),
    get output() {
      return output
    },
    errors: () => output.split('\n').filter((line) => /^\{"level":[56]0,/.test(line)),
    kill: () => end('SIGKILL'),
    async restart() {
      child = await launch()
    },
    async stop() {
      // An embedded PostgreSQL outlives a server that was killed: the next one takes it over and can end it.
      if (!isRunning() && options.databaseUrl === undefined) child = await launch()
      await end('SIGTERM')
      await rm(dataDirectory, { recursive: true, force: true })
      if (child.exitCode !== 0) throw new Error(`Rollcall ended with ${child.exitCode} when it was stopped.\n${output}`)
    },
  }
}

function environment(options: ServerOptions & { port: number; dataDirectory: string }): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return {
    PATH,
    HOME,
    TMPDIR,
    PORT: String(options.port),
    PUBLIC_URL: options.publicUrl,
    DATA_DIR: options.dataDirectory,
    ADMIN_PASSWORD: superadmin.password,
    LOG_LEVEL: 'warn',
    ...(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {}),
    ...(options.smtpUrl ? { SMTP_URL: options.smtpUrl } : {}),
    ...options.environment,
  }
}

async function embeddedUrl(dataDirectory: string): Promise<string> {
  const read = async (name: string) => (await readFile(path.join(dataDirectory, 'postgres', name), 'utf8')).trim()
  return `postgres://rollcall:${await read('password')}@127.0.0.1:${await read('port')}/rollcall`
}
