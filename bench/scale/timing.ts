import { percentile } from '../support/rounds.ts'

/** Requests of one kind: each run of `requests` makes new ones, which are made one after the other. */
export interface Kind {
  name: string
  requests(): AsyncGenerator<() => Promise<void>>
}

/** Milliseconds of every request of a kind: on the clock and, where one is made at a time, of processors. */
interface Times {
  clock: number[]
  processor: number[]
}
export type Measured = Map<string, Times>

export interface Measuring {
  rounds: number
  clients: number
  /** Milliseconds of processor time that the server and its database have had so far. */
  processorTime: () => number
}

/** Runs every kind so often, in an order by chance, by so many clients at once; what comes first warms up. */
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

/** One line a kind, one for all whose names begin alike up to a colon, and one for all of them. */
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

/** The same in an order by chance. */
export function shuffled<Value>(values: readonly Value[]): Value[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
