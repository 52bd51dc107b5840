import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pino } from 'pino'
import { createMember, openRooms, type Stored } from '../../test/app/rooms.ts'
import { createRooms, type Rooms } from './rooms.ts'

let stored: Stored
let rooms: Rooms

beforeEach(() => {
  vi.useFakeTimers()
  ;({ stored, rooms } = openRooms())
})
afterEach(() => {
  rooms.close()
  vi.useRealTimers()
})

const turn = () => vi.advanceTimersByTimeAsync(0)

describe('joining', () => {
  /** Somebody joins while the room reads version 2, when 3 is stored already; the answers come in this order. */
  async function joinDuringReading(answers: 'the room first' | 'the one who joins first') {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    await rooms.join('a', there)
    await vi.advanceTimersByTimeAsync(200)
    stored.setSlow(true)
    stored.raise('a')
    rooms.publish(['a'], true)
    await turn()
    stored.raise('a')
    const joined = rooms.join('a', joining)
    await turn()
    if (answers === 'the one who joins first') {
      stored.answerLast()
      await turn()
    }
    stored.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    await joined
    rooms.publish(['a'], false)
    await vi.advanceTimersByTimeAsync(200)
    return { there: there.versions.get('a'), joining: joining.versions.get('a') }
  }

  it('while a change is being read gives nothing older than the answer of the one who joins, once that is there', async () => {
    const versions = await joinDuringReading('the one who joins first')
    expect(versions).toEqual({ there: [1, 3], joining: [3] })
  })

  it('while a change is being read gives what the room has read to everybody, and then the newest to the one who joins', async () => {
    const versions = await joinDuringReading('the room first')
    expect(versions).toEqual({ there: [1, 2, 3], joining: [2, 3] })
  })

  it('tells those who are there what the one who joins has read', async () => {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    await rooms.join('a', there)
    stored.raise('a')
    await rooms.join('a', joining)
    rooms.publish(['a'], false)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.versions.get('a')).toEqual([1, 2])
    expect(joining.versions.get('a')).toEqual([2])
  })

  it('sends nothing to whoever has seen the newest, and everything to whoever names a version that never was', async () => {
    stored.raise('a')
    const [current, mistaken] = [createMember(), createMember()]
    expect(await rooms.join('a', current, 1)).toBe(true)
    expect(await rooms.join('a', mistaken, 99)).toBe(true)
    expect(current.versions.get('a')).toBeUndefined()
    expect(mistaken.versions.get('a')).toEqual([1])
  })

  it('what does not exist leaves no room behind, and neither does joining while the database is away', async () => {
    const member = createMember()
    expect(await rooms.join('a', member)).toBe(false)
    stored.raise('a')
    stored.setFailing(true)
    await expect(rooms.join('a', member)).rejects.toThrow('away')
    expect(rooms.size).toBe(0)
    stored.setFailing(false)
    expect(await rooms.join('a', member)).toBe(true)
  })
})

describe('events', () => {
  it('reach everybody who is there once, in order, also those who joined together while the first was being stored', async () => {
    stored.raise('a')
    stored.addEvent('a')
    const [first, second] = [createMember(), createMember()]
    stored.setSlow(true)
    const joins = [rooms.join('a', first)]
    await turn()
    const told = [stored.addEvent('a')]
    joins.push(rooms.join('a', second))
    await turn()
    rooms.publish(['a'], true)
    stored.answerAll()
    await Promise.all(joins)
    await vi.advanceTimersByTimeAsync(200)
    told.push(stored.addEvent('a'), stored.addEvent('a'))
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.events).toEqual(told)
    expect(second.events).toEqual(told)
  })

  it('that are told while a second joins are not told twice', async () => {
    stored.raise('a')
    const [first, second] = [createMember(), createMember()]
    await rooms.join('a', first)
    stored.setSlow(true)
    const joining = rooms.join('a', second)
    await turn()
    stored.setSlow(false)
    const told = stored.addEvent('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(10)
    stored.answerAll()
    await joining
    stored.raise('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.events).toEqual([told])
  })

  it('go out at the latest with the version that they came with, although no ring follows', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    await rooms.join('a', member)
    stored.setSlow(true)
    rooms.publish(['a'], true)
    await turn()
    // Stored in the moment in which the room looks at its progress.
    stored.raise('a')
    const told = stored.addEvent('a')
    stored.answerFirstLate()
    await turn()
    stored.answerAll()
    await turn()
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.events).toEqual([told])
  })

  it('of a version that somebody read who joined again go out too, although no ring follows', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    stored.raise('a')
    const told = stored.addEvent('a')
    await rooms.join('a', member)
    await vi.advanceTimersByTimeAsync(200)
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.events).toEqual([told])
  })

  it('that are stored and rung while the first joins go out, however late it is known which were there before', async () => {
    stored.raise('a')
    const member = createMember()
    stored.setSlow(true)
    const joining = rooms.join('a', member)
    await turn()
    stored.setSlow(false)
    stored.raise('a')
    const told = stored.addEvent('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    stored.answerAll()
    await joining
    await vi.advanceTimersByTimeAsync(200)
    expect(member.versions.get('a')).toEqual([2])
    expect(member.events).toEqual([told])
  })
})

describe('how often', () => {
  it('a room is told at most ten times a second, and the last change always', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    for (let millisecond = 0; millisecond < 3000; millisecond++) {
      stored.raise('a')
      rooms.publish(['a'], false)
      await vi.advanceTimersByTimeAsync(1)
    }
    await vi.advanceTimersByTimeAsync(100)
    const seen = member.versions.get('a') ?? []
    expect(seen.length).toBeGreaterThanOrEqual(29)
    expect(seen.length).toBeLessThanOrEqual(32)
    expect(seen.at(-1)).toBe(stored.version('a'))
  })

  it('a large room is told less often, at least once a second, and holds up no small one', async () => {
    stored.raise('large')
    stored.raise('small')
    const many = Array.from({ length: 10_000 }, createMember)
    await Promise.all(many.map((member) => rooms.join('large', member)))
    const alone = createMember()
    await rooms.join('small', alone)
    for (let tenth = 0; tenth < 40; tenth++) {
      stored.raise('large')
      stored.raise('small')
      rooms.publish(['large'], false)
      rooms.publish(['small'], false)
      await vi.advanceTimersByTimeAsync(100)
    }
    const seen = many[0]!.versions.get('large')?.length ?? 0
    expect(seen).toBeGreaterThanOrEqual(4)
    expect(seen).toBeLessThanOrEqual(10)
    expect(alone.versions.get('small')?.length ?? 0).toBeGreaterThanOrEqual(35)
  })

  it('a change of status does not wait', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    for (let change = 0; change < 5; change++) {
      stored.raise('a')
      rooms.publish(['a'], true)
      await vi.advanceTimersByTimeAsync(2)
      expect(member.versions.get('a')?.at(-1)).toBe(stored.version('a'))
    }
  })
})

describe('a database that is away', () => {
  it('costs a second, and nothing is lost', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    rooms.joinActive(member)
    await turn()
    stored.setFailing(true)
    stored.raise('a')
    stored.raise('b')
    rooms.publish(['a', 'b'], true)
    await vi.advanceTimersByTimeAsync(3000)
    stored.setFailing(false)
    await vi.advanceTimersByTimeAsync(1100)
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.lists).toEqual([['a'], ['a', 'b']])
  })

  it('for the list of sessions alone keeps nobody from progress', async () => {
    stored.raise('a')
    const member = createMember()
    const withoutList = createRooms({
      source: { ...stored.source, active: () => Promise.reject(new Error('the list is away')) },
      logger: pino({ level: 'silent' }),
      clock: () => Date.now(),
    })
    await withoutList.join('a', member)
    withoutList.joinActive(member)
    stored.raise('a')
    withoutList.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    withoutList.close()
    expect(member.versions.get('a')).toEqual([1, 2])
  })
})

describe('the list of sessions that run', () => {
  it('is told when one starts or ends, not when one only moves on, and never an older after a newer one', async () => {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    rooms.joinActive(there)
    await turn()
    stored.raise('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a']])
    stored.setSlow(true)
    rooms.joinActive(joining)
    await turn()
    stored.raise('b')
    rooms.publish(['b'], true)
    await turn()
    stored.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    stored.remove('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a'], ['a', 'b'], ['b']])
    expect(joining.lists.slice(-2)).toEqual([['a', 'b'], ['b']])
  })
})
