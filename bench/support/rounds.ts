import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

/** Returns the median of the numbers; of an even count, the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  if (low === undefined || high === undefined) throw new Error('There is no median of no numbers.')
  return (low + high) / 2
}

/** Returns the smallest number that at least this share (0 to 1) of the numbers do not exceed. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (found === undefined) throw new Error('There is no percentile of no numbers.')
  return found
}

/** Describes the machine in one line, without which a figure says little. */
export function describeMachine(): string {
  const system = /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${memory} GB, ${system}, kernel ${release()}, Node ${process.versions.node}`
}

export interface Contender {
  name: string
  /** Does the work once; resolves to the figure that it reached, of which more is better. */
  run(): Promise<number>
}

/**
 * Runs all contenders in turn, round after round, so that whatever else the machine does slows all of them alike; another one is
 * the first in each round. Prints every figure, the medians, and the ratio of the first contender to each of the others (the
 * median of the rounds' ratios). Resolves to the medians by name.
 */
export async function runRounds(
  contenders: readonly Contender[],
  options: {
    rounds: number
    unit: string
    print?: (line: string) => void
    /** Called before each run of a contender. */
    rest?: () => Promise<void>
    /** Whether a round comes before the first that is printed and does not count, because a process that was just started is slower. */
    warmUp?: boolean
  },
): Promise<Map<string, number>> {
  const print = options.print ?? ((line) => void process.stdout.write(`${line}\n`))
  const reached = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = options.warmUp === true ? 0 : 1; round <= options.rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(round + turn) % contenders.length] as Contender
      await options.rest?.()
      const value = await contender.run()
      if (round > 0) reached.get(contender.name)?.push(value)
      const label = round > 0 ? `round ${round}` : 'warm-up'
      print(`${label}  ${contender.name.padEnd(40)} ${format(value)} ${options.unit}`)
    }
  }
  printComparison(reached, options.unit, print)
  return new Map([...reached].map(([name, values]) => [name, median(values)]))
}

/** Prints the median of each contender's figures, and the ratio of the first contender to each of the others. */
export function printComparison(
  reached: ReadonlyMap<string, readonly number[]>,
  unit: string,
  print: (line: string) => void,
): void {
  for (const [name, values] of reached)
    print(`median   ${name.padEnd(40)} ${format(median(values))} ${unit} (${values.map(format).join(', ')})`)
  const [first, ...others] = [...reached]
  for (const [other, values] of others) {
    const ratios = (first?.[1] ?? []).map((value, round) => value / (values[round] ?? NaN))
    print(
      `ratio    ${first?.[0]} / ${other} = ${median(ratios).toFixed(2)} (${ratios.map((r) => r.toFixed(2)).join(', ')})`,
    )
  }
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
