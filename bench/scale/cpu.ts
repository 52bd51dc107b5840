import { readdirSync, readFileSync } from 'node:fs'

/**
 * Returns the milliseconds of processor time that a process, its threads and the processes it started have used so far; ended
 * processes do not count. The figure shows what a request costs, whatever else the machine does. It is 0 except on Linux.
 */
export function processorTime(processIds: readonly number[]): number {
  return processIds.flatMap(withChildren).reduce((sum, id) => sum + ofThreads(id), 0)
}

function withChildren(id: number): number[] {
  return [id, ...read(`/proc/${id}/task/${id}/children`).split(' ').filter(Boolean).map(Number)]
}

function ofThreads(id: number): number {
  const threads = tryTo(() => readdirSync(`/proc/${id}/task`), [])
  return threads.reduce(
    (sum, thread) => sum + Number(read(`/proc/${id}/task/${thread}/schedstat`).split(' ')[0]) / 1e6,
    0,
  )
}

function read(file: string): string {
  return tryTo(() => readFileSync(file, 'utf8').trim(), '')
}

function tryTo<Value>(attempt: () => Value, otherwise: Value): Value {
  try {
    return attempt()
  } catch {
    return otherwise
  }
}
