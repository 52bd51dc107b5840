import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from '../app/activation.ts'

const template = path.join(import.meta.dirname, '../../../deploy/nginx.conf')

/** The address at which the balancer expects a proxy that ends TLS. */
export const frontAddress = '127.0.0.2'

/** One request as the balancer saw it. */
export interface Passed {
  method: string
  path: string
  /** The status that the client was answered with. */
  status: number
  /** The ports of the nodes that were asked, in their order. */
  ports: number[]
  /** The status that each of them answered with; null where it did not answer. */
  statuses: (number | null)[]
}

/** The balancer of deploy/nginx.conf, in front of two nodes on this machine. */
export interface Nginx {
  port: number
  /** Returns the requests that have ended, in the order of their ends. */
  passed(): Promise<Passed[]>
  stop(): Promise<void>
}

/** Starts nginx in a folder of its own; resolves when it listens. Throws with what it said where it does not start. */
export async function startNginx(port: number, nodePorts: [number, number]): Promise<Nginx> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-nginx-'))
  await writeFile(path.join(folder, 'rollcall.conf'), await filled(port, nodePorts))
  await writeFile(path.join(folder, 'nginx.conf'), surroundings())
  const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const endWithUs = () => child.kill('SIGTERM')
  process.once('exit', endWithUs)
  let said = ''
  let failure: Error | null = null
  child.stderr.on('data', (data: Buffer) => (said += data.toString('utf8')))
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      failure = error.code === 'ENOENT' ? missing() : error
      resolve()
    })
    child.once('exit', () => {
      failure ??= new Error(`nginx ended:\n${said}`)
      resolve()
    })
  })
  const stop = async () => {
    process.off('exit', endWithUs)
    child.kill('SIGTERM')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(
      async () => {
        if (failure !== null) throw failure
        return isOpen(port)
      },
      (open) => open,
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop, passed: async () => passedOf(await readFile(path.join(folder, 'access.log'), 'utf8')) }
}

function missing(): Error {
  return new Error(
    'The tests of many nodes need nginx and none was found; install it (Debian, Ubuntu: apt-get install nginx-light).',
  )
}

async function filled(port: number, nodePorts: [number, number]): Promise<string> {
  const values: Record<string, string> = {
    ROLLCALL_LISTEN: `127.0.0.1:${port}`,
    ROLLCALL_FRONT: frontAddress,
    ROLLCALL_API_1: `127.0.0.1:${nodePorts[0]}`,
    ROLLCALL_API_2: `127.0.0.1:${nodePorts[1]}`,
  }
  const text = await readFile(template, 'utf8')
  return text.replaceAll(/\$\{(\w+)\}/g, (_whole, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`deploy/nginx.conf has a variable that nobody fills in: ${name}.`)
    return value
  })
}

/** Returns the configuration around the template, as nginx's image has it, for a folder that needs no rights of root. */
function surroundings(): string {
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    pid nginx.pid;
    worker_processes 2;
    events { worker_connections 1024; }
    http {
      log_format passed '$request_method $request_uri $status "$upstream_addr" "$upstream_status"';
      access_log access.log passed;
      client_body_temp_path body;
      proxy_temp_path proxy;
      fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      include rollcall.conf;
    }
  `
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function passedOf(log: string): Passed[] {
  return log.split('\n').flatMap((line) => {
    const [, method, target, status, addresses, statuses] = /^(\S+) (\S+) (\d+) "(.*)" "(.*)"$/.exec(line) ?? []
    if (method === undefined || target === undefined) return []
    return {
      method,
      path: target,
      status: Number(status),
      ports: [...(addresses ?? '').matchAll(/:(\d+)/g)].map(([, each]) => Number(each)),
      statuses: (statuses ?? '').split(', ').map((each) => (each === '-' || each === '' ? null : Number(each))),
    }
  })
}
