import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { problemOfLead } from '../leads/leads.usecases.ts'
import { pageOfLeads } from '../leads/search/search.usecases.ts'
import { demoLeads, insertDemoLeads } from './leads.ts'

describe('made-up leads', () => {
  it('are all fit to be stored, each with an address of its own that leads nowhere', () => {
    const leads = [...demoLeads(5000)]
    expect(leads.filter((lead) => problemOfLead(lead) !== null)).toEqual([])
    expect(new Set(leads.map((lead) => lead.email.toLowerCase())).size).toBe(5000)
    const reserved = /@(example\.(com|net|org)|[a-z]+\.example)$/
    expect(leads.filter((lead) => !reserved.test(lead.email))).toEqual([])
  })

  it('are the same for the same seed, and fewer are the beginning of more', () => {
    expect([...demoLeads(100, 7)]).toEqual([...demoLeads(200, 7)].slice(0, 100))
    expect([...demoLeads(5, 7)]).not.toEqual([...demoLeads(5, 8)])
  })

  it('have names of many scripts and lengths', () => {
    const names = [...demoLeads(1000)].map((lead) => lead.lastName)
    for (const script of ['Latin', 'Cyrillic', 'Arabic', 'Hebrew', 'Greek', 'Han', 'Hangul', 'Thai', 'Devanagari']) {
      expect(names.some((name) => new RegExp(`\\p{Script=${script}}`, 'u').test(name))).toBe(true)
    }
    expect(names).toContain('')
    expect(Math.max(...names.map((name) => name.length))).toBeGreaterThan(150)
  })
})

describe('in the database', () => {
  let test: TestDatabase
  beforeAll(async () => {
    test = await createTestDatabase()
  })
  afterAll(() => test.close())

  it('they are there once, however often they are put in', async () => {
    expect(await insertDemoLeads(test.database, 2500)).toEqual({ created: 2500, updated: 0, unchanged: 0 })
    expect(await insertDemoLeads(test.database, 3000)).toEqual({ created: 500, updated: 0, unchanged: 2500 })
    expect((await pageOfLeads(test.database, { limit: 1 })).total).toBe(3000)
  })
})
