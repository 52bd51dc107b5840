import { existsSync } from 'node:fs'
import { freePort } from '../../server/test/process/port.ts'
import { listening, startHelper, startProgram } from './processes.ts'
import type { Taken } from './sink.process.ts'

const postfix = '/usr/sbin/smtp-sink'

/** A mail server that takes everything, in a process of its own. */
export interface Sink {
  name: string
  port: number
  stop(): Promise<void>
}

/** Postfix's `smtp-sink` where it is installed, and a plain one of our own elsewhere. */
export async function startSink(): Promise<Sink> {
  if (!existsSync(postfix)) return startPlainSink()
  const port = await freePort()
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const program = startProgram(postfix, [...asNobody, `127.0.0.1:${port}`, '512'])
  await listening(port)
  return { name: "Postfix's smtp-sink", port, stop: () => program.stop() }
}

/** One of our own, so many milliseconds away, that also tells what it took since it was asked last. */
export async function startPlainSink(delay = 0): Promise<Sink & { taken(): Promise<Taken> }> {
  const port = await freePort()
  const helper = startHelper(new URL('sink.process.ts', import.meta.url), [String(port), String(delay)])
  await listening(port)
  return {
    name: 'a plain sink of our own',
    port,
    taken: () => helper.ask<Taken>(null),
    stop: () => helper.stop(),
  }
}
