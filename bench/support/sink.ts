import { existsSync } from 'node:fs'
import { freePort } from '../../server/test/process/port.ts'
import { listening, startHelper, startProgram } from './processes.ts'
import type { Taken } from './sink.process.ts'

const postfix = '/usr/sbin/smtp-sink'

/** A mail server that accepts everything, in a process of its own. */
export interface Sink {
  name: string
  port: number
  stop(): Promise<void>
}

/** Starts Postfix's `smtp-sink` where it is installed, and the benchmark's own plain mail server elsewhere. */
export async function startSink(): Promise<Sink> {
  if (!existsSync(postfix)) return startPlainSink()
  const port = await freePort()
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const program = startProgram(postfix, [...asNobody, `127.0.0.1:${port}`, '512'])
  await listening(port)
  return { name: "Postfix's smtp-sink", port, stop: () => program.stop() }
}

/** Starts the benchmark's own mail server, which answers after so many milliseconds; `taken` tells what it has accepted since the last call. */
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
