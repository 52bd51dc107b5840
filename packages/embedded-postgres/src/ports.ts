import { randomInt } from 'node:crypto'
import { chown, readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import type { Cluster } from './cluster.ts'

/** Returns the port of the last start where it is free, so that other programs can keep the address, or else another free port. */
export async function choosePort({ paths }: Cluster): Promise<number> {
  const last = Number(await readFile(paths.portFile, 'utf8').catch(() => ''))
  return Number.isInteger(last) && last > 0 && (await isFree(last)) ? last : findFreePort()
}

/** Stores the port for the next start. */
export async function rememberPort({ paths, user }: Cluster, port: number): Promise<void> {
  await writeFile(paths.portFile, `${port}\n`)
  if (user !== null) await chown(paths.portFile, user.uid, user.gid)
}

/**
 * Returns a free port from 20000 to 31999. That is below the range from which systems take the ports of outgoing connections: one of those
 * could take PostgreSQL's port while PostgreSQL is down, even an attempt to reach PostgreSQL itself.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
