import { startNginx } from '../../server/test/cluster/nginx.ts'
import { freePort, type RollcallServer, type ServerOptions, startServer } from './server.ts'

/** Two api nodes and a worker on one database, behind nginx, which a browser sees as one server. */
export interface RollcallNodes extends RollcallServer {
  apis: [RollcallServer, RollcallServer]
}

const secret = 'a secret of the journeys that is long enough'

/** Starts all of them; resolves when the nodes are ready and the balancer listens. */
export async function startNodes(options: ServerOptions): Promise<RollcallNodes> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const closing: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  }
  const start = async (mode: 'api' | 'worker') => {
    const node = await startServer({ ...options, publicUrl: url, environment: { MODE: mode, SECRET: secret } })
    closing.push(() => node.stop())
    return node
  }
  try {
    const nodes = await Promise.all([start('api'), start('api'), start('worker')])
    const [first, second] = nodes
    const nginx = await startNginx(port, [first.port, second.port])
    closing.push(() => nginx.stop())
    return {
      url,
      port,
      apis: [first, second],
      databaseUrl: () => first.databaseUrl(),
      get output() {
        return nodes.map(({ output }) => output).join('')
      },
      errors: () => nodes.flatMap((node) => node.errors()),
      async kill() {
        await Promise.all(nodes.map((node) => node.kill()))
      },
      async restart() {
        await Promise.all(nodes.map((node) => node.restart()))
      },
      stop,
    }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}
