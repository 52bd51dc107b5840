import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { expectProperty } from './expect-property.ts'

describe('expecting a property', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('expecting a property runs it as often as was asked for', async () => {
    const seen: number[] = []
    await expectProperty(
      fc.property(fc.nat(), (value) => void seen.push(value)),
      { runs: 7 },
    )
    expect(seen).toHaveLength(7)
  })

  it('expecting a property names the counterexample and how to run it again, which then fails at once with the same value', async () => {
    const property = () => fc.asyncProperty(fc.nat(), async (value) => value < 10)
    const message = await expectProperty(property()).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(message).toContain('Counterexample: [10]')
    const again = /PROPERTY=(\S+)\./.exec(message)?.[1]
    vi.stubEnv('PROPERTY', again)
    await expect(expectProperty(property())).rejects.toThrow(/after 1 tests[^]*Counterexample: \[10\]/)
  })
})
