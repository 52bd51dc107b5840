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

/** Another process that starts the PostgreSQL of the data folder, with the first line that it writes. */
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

/** Returns the ids of the postmaster and of all its processes. */
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
  it('The first start makes a database, and the second is quick and keeps its data and its port', async () => {
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

  it('Only this machine and this user can reach the embedded PostgreSQL, and it stores every commit on the disk', async () => {
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

  it('The embedded PostgreSQL takes another port where another program has taken its own', async () => {
    const first = await start()
    await stop(first)
    const stranger = (await import('node:net')).createServer().listen(first.port, '127.0.0.1')
    await once(stranger, 'listening')
    const second = await start()
    expect(second.port).not.toBe(first.port)
    await new Promise((resolve) => stranger.close(resolve))
  })

  it('An embedded PostgreSQL that is killed together with its owner comes back with every commit', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    const pids = await allPids(answer.url)
    await kill(child)
    killAll(pids)
    const again = await start()
    expect(again.adopted).toBe(false)
    await expectKept(again.url)
  })

  it('The embedded PostgreSQL comes back while an orphan of a killed postmaster is still busy', async () => {
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

  it('The embedded PostgreSQL comes back where the process id of the killed postmaster now belongs to another process of its user', async () => {
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

  it('An embedded PostgreSQL whose owner was killed is taken over, and stopped by its new owner', async () => {
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

  it('A second owner of an embedded PostgreSQL is refused with a sentence, and the first is not disturbed', async () => {
    const first = await start()
    const { answer } = await startOwner()
    expect(answer.error).toMatch(/^Example already runs on .*postgres \(process \d+\): stop that one first/)
    expect(answer.error).toContain(`process ${process.pid}`)
    await storeOne(first.url)
    await expectKept(first.url)
  })

  it('Only one of two processes that start at the same time on a new folder owns the embedded PostgreSQL', async () => {
    const answers = (await Promise.all([startOwner(), startOwner()])).map(({ answer }) => answer)
    expect(answers.filter(({ error }) => error === undefined)).toHaveLength(1)
    expect(answers.find(({ error }) => error !== undefined)?.error).toMatch(/^Example already runs on /)
    const winner = answers.find(({ error }) => error === undefined)
    await Promise.all(processes.map(kill))
    await storeOne(winner!.url)
    await expectKept((await start()).url)
  })

  it('An embedded PostgreSQL that is killed starts again by itself on the same port, and still has one owner', async () => {
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

  it('An embedded PostgreSQL that was taken over and is then killed starts again by itself', async () => {
    const { child, answer } = await startOwner()
    await storeOne(answer.url)
    await kill(child)
    const heir = await start()
    expect(heir.adopted).toBe(true)
    process.kill(await postmasterPid(), 'SIGKILL')
    await vi.waitFor(() => expectKept(heir.url), { timeout: 10_000, interval: 50 })
  })

  it('The embedded PostgreSQL outlives a Ctrl-C that reaches every process of the terminal', async () => {
    const { child, answer } = await startOwner()
    const started = () => query<{ at: Date }>(answer.url, 'SELECT pg_postmaster_start_time() AS at')
    const before = await started()
    process.kill(-child.pid!, 'SIGINT')
    expect(await started()).toEqual(before)
  })

  it('The embedded PostgreSQL works below a folder that only the user of the application can enter', async () => {
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

  it('A start does not begin with an empty database where the folder of the old one is gone', async () => {
    await symlink(path.join(dataDirectory, 'gone'), path.join(dataDirectory, 'postgres'))
    await expect(start()).rejects.toThrow(/points to a folder that is gone/)
  })

  it('A failure to start quotes the end of the log of PostgreSQL', async () => {
    await stop(await start())
    await writeFile(path.join(dataDirectory, 'postgres/cluster/postgresql.conf'), 'work_mem = many\n')
    await expect(start()).rejects.toThrow(/did not start:\n[^]*invalid value for parameter "work_mem": "many"/)
  })
})

describe('a command that attaches to the embedded PostgreSQL', () => {
  const attach = () => attachEmbeddedPostgres({ application, dataDirectory, logger: silentLogger })

  it('A command that attaches before there is a database is told so, and makes none', async () => {
    await expect(attach()).rejects.toThrow(
      `There is no database in ${dataDirectory}; set EXAMPLE_DATA or EXAMPLE_URL to where it is.`,
    )
    expect(existsSync(path.join(dataDirectory, 'postgres'))).toBe(false)
  })

  it('A command that attaches to a PostgreSQL that its owner runs leaves it running', async () => {
    const owner = await start()
    await storeOne(owner.url)
    const attachment = await attach()
    expect(attachment.url).toBe(owner.url)
    await attachment.detach()
    await expectKept(owner.url)
  })

  it('A command that attaches to a PostgreSQL that nobody runs starts it, and stops it again', async () => {
    const owner = await start()
    await storeOne(owner.url)
    await stop(owner)
    const attachment = await attach()
    await expectKept(attachment.url)
    await attachment.detach()
    expect(existsSync(path.join(dataDirectory, 'postgres/cluster/postmaster.pid'))).toBe(false)
  })
})
