import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A proxy whose connections can go silent without ending, as after a cable was cut or a firewall dropped them. */
export interface Proxy {
  port: number
  /** How many connections are open now. */
  readonly connections: number
  /** Passes nothing more over the connections that are open now; new ones work. */
  silence(): void
  stop(): Promise<void>
}

/** Passes every connection on to a port of 127.0.0.1. */
export async function startProxy(target: number): Promise<Proxy> {
  const open = new Set<Socket[]>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    const pair = [near, far]
    open.add(pair)
    near.pipe(far)
    far.pipe(near)
    for (const socket of pair)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(pair)
          for (const each of pair) each.destroy()
        })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return open.size
    },
    silence() {
      for (const [near, far] of open) {
        near!.unpipe(far).on('data', () => undefined)
        far!.unpipe(near).on('data', () => undefined)
      }
    },
    async stop() {
      for (const pair of open) for (const socket of pair) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
