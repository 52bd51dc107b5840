import { existsSync } from 'node:fs'
import { freePort, listening, startHelper, startProgram, type Program } from './processes.ts'

const postfix = '/usr/sbin/smtp-sink'

/** A mail server that takes everything, in a process of its own. */
export interface Sink {
  name: string
  port: number
  stop(): Promise<void>
}

/** Postfix's `smtp-sink` where it is installed, and a plain one of our own elsewhere. */
export async function startSink(): Promise<Sink> {
  const port = await freePort()
  const isPostfix = existsSync(postfix)
  const program: Program = isPostfix
    ? startProgram(postfix, [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), `127.0.0.1:${port}`, '512'])
    : startHelper('./sink.process.ts', [String(port)])
  await listening(port)
  return { name: isPostfix ? "Postfix's smtp-sink" : 'a plain sink of our own', port, stop: () => program.stop() }
}
