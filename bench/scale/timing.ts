import { percentile } from '../support/rounds.ts'

/** Requests of one kind: each call of `requests` gives new ones, which are sent one after the other. */
export interface Kind {
  name: string
  requests(): AsyncGenerator<() => Promise<void>>
}

/** The milliseconds of every request of a kind, on the clock and, where one request is sent at a time, of processor time. */
interface Times {
  clock: number[]
  processor: number[]
}
export type Measured = Map<string, Times>

export interface Measuring {
  rounds: number
  clients: number
  /** Returns the processor time that the server and its database have used so far, in milliseconds. */
  processorTime: () => number
}

/** Measures every kind in each round, in random order and by so many clients at once, after one run of each kind that is not measured. */
export async function measureKinds(kinds: readonly Kind[], options: Measuring): Promise<Measured> {
  const measured: Measured = new Map(kinds.map(({ name }) => [name, { clock: [], processor: [] }]))
  const runs = shuffled(Array.from({ length: options.rounds }, () => kinds).flat())
  const next = [...kinds.map((kind) => ({ ...kind, name: '' })), ...runs].values()
  const client = async () => {
    for (const kind of next) {
      const times = measured.get(kind.name)
      for await (const request of kind.requests()) {
        const used = options.clients === 1 ? options.processorTime() : 0
        const begun = performance.now()
        await request()
        times?.clock.push(performance.now() - begun)
        if (options.clients === 1) times?.processor.push(options.processorTime() - used)
      }
    }
  }
  await Promise.all(Array.from({ length: options.clients }, client))
  return measured
}

/** Prints one line for each kind, one for all kinds whose names begin alike up to a colon, and one for all kinds. */
export function kindsTable(measured: Measured, say: (line: string) => void): void {
  const figures = (numbers: number[]) =>
    numbers.length === 0
      ? ''
      : [percentile(numbers, 0.5), percentile(numbers, 0.99), Math.max(...numbers)]
          .map((each) => each.toFixed(1).padStart(8))
          .join('')
  const line = (name: string, { clock, processor }: Times) =>
    say(`  ${name.padEnd(46)} ${figures(clock)}   ${figures(processor)}  ${clock.length} requests`)
  const head = ['p50', 'p99', 'most'].map((each) => each.padStart(8)).join('')
  say(`  ${'milliseconds: on the clock; of processors'.padEnd(46)} ${head}   ${head}`)
  const all = [...measured].filter(([, { clock }]) => clock.length > 0)
  for (const [name, times] of all) line(name, times)
  const groups = Map.groupBy(all, ([name]) => name.split(':')[0] ?? name)
  for (const [name, kinds] of groups) if (kinds.length > 1) line(`all: ${name}`, together(kinds))
  if (all.length > 1) line('all', together(all))
}

function together(kinds: [string, Times][]): Times {
  return {
    clock: kinds.flatMap(([, { clock }]) => clock),
    processor: kinds.flatMap(([, { processor }]) => processor),
  }
}

/** Returns the values in random order. */
export function shuffled<Value>(values: readonly Value[]): Value[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
