import { fork, type ChildProcess } from 'node:child_process'
import type { Answer, Request } from './clients.process.ts'

/** WebSocket clients in a process of their own. */
export class ClientsProcess {
  readonly #child: ChildProcess = fork(new URL('clients.process.ts', import.meta.url), { execArgv: [] })
  onReceived: () => void = () => undefined
  #answered: (answer: Answer) => void = () => undefined

  constructor() {
    this.#child.on('message', (answer: Answer) => {
      if (answer === 'received') this.onReceived()
      else this.#answered(answer)
    })
    this.#child.on('exit', (code) => process.exit(code ?? 1))
  }
  ask(request: Request): Promise<Answer> {
    this.#child.send(request)
    return new Promise((resolve) => (this.#answered = resolve))
  }
  tell(request: Request): void {
    this.#child.send(request)
  }
}
