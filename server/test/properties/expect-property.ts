import fc from 'fast-check'

/** A property of either kind that fast-check knows. */
type Property<Values> = fc.IRawProperty<Values>

/**
 * Expects a property to hold for `runs` generated values (100 by default). A failure names the counterexample and the
 * environment variable that runs it again: `PROPERTY=seed:path`. With `PROPERTY=seed`, all runs are those of that seed.
 * With `shrink: false`, the first counterexample is reported as it is, for properties whose runs are slow.
 */
export async function expectProperty<Values>(
  property: Property<Values>,
  options: { runs?: number; shrink?: boolean } = {},
): Promise<void> {
  const [seed, path] = process.env.PROPERTY?.split(/:(.*)/) ?? []
  await fc.assert(property, {
    numRuns: options.runs ?? 100,
    endOnFailure: options.shrink === false,
    reporter: report,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path ? { path } : {}),
  })
}

function report<Values>(details: fc.RunDetails<Values>): void {
  if (!details.failed) return
  const again = `PROPERTY=${details.seed}:${details.counterexamplePath ?? ''}`
  throw new Error(`${fc.defaultReportMessage(details)}\n\nRun it again with ${again}.`, {
    cause: details.errorInstance,
  })
}
