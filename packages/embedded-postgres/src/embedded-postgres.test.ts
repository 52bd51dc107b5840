import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { application, silentLogger } from '../test/application.ts'
import { attachEmbeddedPostgres } from './attach.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'

let dataDirectory: string
let running: EmbeddedPostgres[]
let processes: ChildProcess[]

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(os.tmpdir(), 'embedded-postgres-'))
  running = []
  processes = []
})

afterEach(async () => {
  await Promise.all(processes.map(kill))
  if (running.length === 0 && existsSync(path.join(dataDirectory, 'postgres/cluster/postmaster.pid'))) await start()
  await Promise.all(running.map((postgres) => postgres.stop()))
  await rm(dataDirectory, { recursive: true, force: true })
})

async function start(folder = dataDirectory): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ application, dataDirectory: folder, logger: silentLogger })
  running.push(postgres)
  return postgres
}

async function stop(postgres: EmbeddedPostgres): Promise<void> {
  running.splice(running.indexOf(postgres), 1)
  await postgres.stop()
}

/** Another process that starts on the data folder, and what it says of it. */
async function startOwner() {
  const script = path.join(import.meta.dirname, '../test/owner.process.ts')
  const child = spawn(process.execPath, [script, dataDirectory], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  processes.push(child)
  for await (const line of createInterface(child.stdout))
    return { child, answer: JSON.parse(line) as { url: string; port: number; adopted: boolean; error?: string } }
  throw new Error('The owner ended before it wrote a line.')
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function query<Row>(url: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(statement)).rows as Row[]
  } finally {
    await client.end()
  }
}

async function storeOne(url: string): Promise<void> {
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS one')
}

async function expectKept(url: string): Promise<void> {
  expect(await query(url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(path.join(dataDirectory, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0])
}

/** The postmaster and every process of it. */
async function allPids(url: string): Promise<number[]> {
  const children = await query<{ pid: number }>(url, 'SELECT pid FROM pg_stat_activity')
  return [await postmasterPid(), ...children.map(({ pid }) => pid)]
}

function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // The connection that listed the processes ended itself.
    }
  }
}

describe('the embedded PostgreSQL', () => {
  it('makes a database at the first start, and keeps its data and its port at the second, which is quick', async () => {
    const first = await start()
    expect(first.adopted).toBe(false)
    await storeOne(first.url)
    await stop(first)
    const begin = performance.now()
    const second = await start()
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(second.url).toBe(first.url)
    await expectKept(second.url)
  })

  it('is closed to all but this machine and this user, and stores every commit on the disk', async () => {
    const postgres = await start()
    expect((await stat(path.join(dataDirectory, 'postgres/password'))).mode & 0o777).toBe(0o600)
    const wrong = postgres.url.replace(/:[^:@]+@/, ':wrong@')
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed')
    const settings = await query<{ name: string; setting: string }>(
      postgres.url,
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'password_encryption')`,
    )
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'on',
      synchronous_commit: 'on',
      password_encryption: 'scram-sha-256',
    })
  })

  it('takes another port where a stranger has taken its own', async () => {
    const first = await start()
    await stop(first)
    const stranger = (await import('node:net')).createServer().listen(first.port, '127.0.0.1')
    await once(stranger, 'listening')
    const second = await start()
    expect(second.port).not.toBe(first.port)
    await new Promise((resolve) => stranger.close(resolve))
  })

  it('comes back with every commit after it and its owner were killed at once', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    const pids = await allPids(answer.url)
    await kill(child)
    killAll(pids)
    const again = await start()
    expect(again.adopted).toBe(false)
    await expectKept(again.url)
  })

  it('comes back where an orphan of a killed postmaster is still busy', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    const busy = new Client({ connectionString: answer.url })
    busy.on('error', () => {})
    await busy.connect()
    const endless = busy.query('SELECT count(*) FROM generate_series(1, 1000000000000)').catch(() => 'ended')
    const postmaster = await postmasterPid()
    await kill(child)
    process.kill(postmaster, 'SIGKILL')
    await expectKept((await start()).url)
    expect(await endless).toBe('ended')
  })

  it('comes back where the number of the killed postmaster now belongs to another process of its user', async () => {
    await stop(await start())
    const cluster = path.join(dataDirectory, 'postgres/cluster')
    const { uid, gid } = await stat(cluster)
    const stranger = spawn('sleep', ['600'], process.getuid?.() === 0 ? { uid, gid } : {})
    processes.push(stranger)
    await writeFile(
      path.join(cluster, 'postmaster.pid'),
      `${stranger.pid}\n${cluster}\n1\n5432\n\n127.0.0.1\n  1  1\nready   \n`,
    )
    expect((await start()).adopted).toBe(false)
  })

  it('is taken over where only its owner was killed, and stopped by the one that took it over', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    const pid = await postmasterPid()
    await kill(child)
    const heir = await start()
    expect(heir).toMatchObject({ adopted: true, url: answer.url })
    expect(await postmasterPid()).toBe(pid)
    await expectKept(heir.url)
    await stop(heir)
    await expect(query(answer.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED')
  })

  it('refuses a second owner with a sentence, and does not disturb the first', async () => {
    const first = await start()
    const { answer } = await startOwner()
    expect(answer.error).toMatch(/^Example already runs on .*postgres \(process \d+\): stop that one first/)
    expect(answer.error).toContain(`process ${process.pid}`)
    await storeOne(first.url)
    await expectKept(first.url)
  })

  it('has one owner where two start at the same time on a new folder', async () => {
    const answers = (await Promise.all([startOwner(), startOwner()])).map(({ answer }) => answer)
    expect(answers.filter(({ error }) => error === undefined)).toHaveLength(1)
    expect(answers.find(({ error }) => error !== undefined)?.error).toMatch(/^Example already runs on /)
    const winner = answers.find(({ error }) => error === undefined)
    await Promise.all(processes.map(kill))
    await storeOne(winner!.url)
    await expectKept((await start()).url)
  })

  it('starts again by itself on the same port when it is killed, and still has one owner', async () => {
    const postgres = await start()
    await storeOne(postgres.url)
    process.kill(await postmasterPid(), 'SIGKILL')
    await vi.waitFor(() => expectKept(postgres.url), { timeout: 10_000, interval: 50 })
    await vi.waitFor(
      async () =>
        expect(
          await query(postgres.url, `SELECT FROM pg_stat_activity WHERE application_name LIKE 'example owner%'`),
        ).toHaveLength(1),
      { timeout: 5_000, interval: 50 },
    )
    const { answer } = await startOwner()
    expect(answer.error).toMatch(/^Example already runs on /)
  })

  it('starts again by itself when it was taken over and is killed', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    await kill(child)
    const heir = await start()
    expect(heir.adopted).toBe(true)
    process.kill(await postmasterPid(), 'SIGKILL')
    await vi.waitFor(() => expectKept(heir.url), { timeout: 10_000, interval: 50 })
  })

  it('outlives a Ctrl-C that reaches every process of the terminal', async () => {
    const { child, answer } = await startOwner()
    const started = () => query<{ at: Date }>(answer.url, 'SELECT pg_postmaster_start_time() AS at')
    const before = await started()
    process.kill(-child.pid!, 'SIGINT')
    expect(await started()).toEqual(before)
  })

  it('works below a folder that only the user of the application can enter', async () => {
    await chmod(dataDirectory, 0o700)
    const folder = path.join(dataDirectory, 'closed', 'data')
    await mkdir(folder, { recursive: true })
    await chmod(path.dirname(folder), 0o700)
    const first = await start(folder)
    expect(first.adopted).toBe(false)
    const home = await realpath(path.join(folder, 'postgres'))
    await storeOne(first.url)
    await stop(first)
    const second = await start(folder)
    await expectKept(second.url)
    await stop(second)
    await rm(home, { recursive: true })
  })

  it('does not begin with an empty database where the folder that it was kept in is gone', async () => {
    await symlink(path.join(dataDirectory, 'gone'), path.join(dataDirectory, 'postgres'))
    await expect(start()).rejects.toThrow(/points to a folder that is gone/)
  })

  it('quotes the end of its log where it cannot start', async () => {
    await stop(await start())
    await writeFile(path.join(dataDirectory, 'postgres/cluster/postgresql.conf'), 'work_mem = many\n')
    await expect(start()).rejects.toThrow(/did not start:\n[^]*invalid value for parameter "work_mem": "many"/)
  })
})

describe('a command that attaches to the embedded PostgreSQL', () => {
  const attach = () => attachEmbeddedPostgres({ application, dataDirectory, logger: silentLogger })

  it('is told that there is no database yet, and makes none', async () => {
    await expect(attach()).rejects.toThrow(
      `There is no database in ${dataDirectory}; set EXAMPLE_DATA or EXAMPLE_URL to where it is.`,
    )
    expect(existsSync(path.join(dataDirectory, 'postgres'))).toBe(false)
  })

  it('uses the one that its owner runs, and leaves it running', async () => {
    const owner = await start()
    await storeOne(owner.url)
    const attachment = await attach()
    expect(attachment.url).toBe(owner.url)
    await attachment.detach()
    await expectKept(owner.url)
  })

  it('starts it where nobody runs it, and stops it again', async () => {
    const owner = await start()
    await storeOne(owner.url)
    await stop(owner)
    const attachment = await attach()
    await expectKept(attachment.url)
    await attachment.detach()
    expect(existsSync(path.join(dataDirectory, 'postgres/cluster/postmaster.pid'))).toBe(false)
  })
})
