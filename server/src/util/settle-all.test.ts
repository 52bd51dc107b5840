import { describe, expect, it } from 'vitest'
import { settleAll } from './settle-all.ts'

describe('settleAll', () => {
  it('settleAll gives the results in the order of the promises', async () => {
    expect(await settleAll([Promise.resolve(1), 'two', Promise.resolve(3)])).toEqual([1, 'two', 3])
  })

  it('settleAll waits for the slowest promise before it throws the first failure', async () => {
    const slow = Promise.withResolvers<string>()
    let thrown = false
    const both = settleAll([Promise.reject(new Error('first')), slow.promise])
    both.catch(() => (thrown = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(thrown).toBe(false)
    slow.resolve('settled')
    await expect(both).rejects.toThrow('first')
  })
})
