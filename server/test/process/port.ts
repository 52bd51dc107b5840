import { randomInt } from 'node:crypto'
import net from 'node:net'

/** Finds a free port below those that systems give to outgoing connections, so that it is still free after the process that used it was killed. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000)
    const isFree = await new Promise<boolean>((resolve) => {
      const listener = net.createServer()
      listener.once('error', () => resolve(false))
      listener.listen(port, '127.0.0.1', () => listener.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}
