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

const nextTurn = () => vi.advanceTimersByTimeAsync(0)

describe('joining', () => {
  /** A member joins while the room reads version 2 and 3 is stored already; the answers come in the given order. */
  async function joinDuringReading(answers: 'the room first' | 'the one who joins first') {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    await rooms.join('a', there)
    await vi.advanceTimersByTimeAsync(200)
    stored.setSlow(true)
    stored.raise('a')
    rooms.publish(['a'], true)
    await nextTurn()
    stored.raise('a')
    const joined = rooms.join('a', joining)
    await nextTurn()
    if (answers === 'the one who joins first') {
      stored.answerLast()
      await nextTurn()
    }
    stored.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    await joined
    rooms.publish(['a'], false)
    await vi.advanceTimersByTimeAsync(200)
    return { there: there.versions.get('a'), joining: joining.versions.get('a') }
  }

  it('a room that reads a change sends nothing older than what a joining member has read meanwhile', async () => {
    const versions = await joinDuringReading('the one who joins first')
    expect(versions).toEqual({ there: [1, 3], joining: [3] })
  })

  it('a room that reads a change sends it to everybody, and then the newest to the member that joined meanwhile', async () => {
    const versions = await joinDuringReading('the room first')
    expect(versions).toEqual({ there: [1, 2, 3], joining: [2, 3] })
  })

  it('what a joining member has read is sent to those who are there', async () => {
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

  it('a joining member that has seen the newest version is sent nothing, and one that names a version that never existed is sent everything', async () => {
    stored.raise('a')
    const [current, mistaken] = [createMember(), createMember()]
    expect(await rooms.join('a', current, 1)).toBe(true)
    expect(await rooms.join('a', mistaken, 99)).toBe(true)
    expect(current.versions.get('a')).toBeUndefined()
    expect(mistaken.versions.get('a')).toEqual([1])
  })

  it('joining a session that does not exist, or joining while the database is away, leaves no room behind', async () => {
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
  it('events reach every member once and in order, also members that joined together while the first event was being stored', async () => {
    stored.raise('a')
    stored.addEvent('a')
    const [first, second] = [createMember(), createMember()]
    stored.setSlow(true)
    const joins = [rooms.join('a', first)]
    await nextTurn()
    const sent = [stored.addEvent('a')]
    joins.push(rooms.join('a', second))
    await nextTurn()
    rooms.publish(['a'], true)
    stored.answerAll()
    await Promise.all(joins)
    await vi.advanceTimersByTimeAsync(200)
    sent.push(stored.addEvent('a'), stored.addEvent('a'))
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.events).toEqual(sent)
    expect(second.events).toEqual(sent)
  })

  it('events that are sent while a second member joins are not sent twice', async () => {
    stored.raise('a')
    const [first, second] = [createMember(), createMember()]
    await rooms.join('a', first)
    stored.setSlow(true)
    const joining = rooms.join('a', second)
    await nextTurn()
    stored.setSlow(false)
    const sent = stored.addEvent('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(10)
    stored.answerAll()
    await joining
    stored.raise('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.events).toEqual([sent])
  })

  it('events are sent at the latest with the version that they came with, although no notification follows', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    await rooms.join('a', member)
    stored.setSlow(true)
    rooms.publish(['a'], true)
    await nextTurn()
    // The change is stored in the moment in which the room looks at its progress.
    stored.raise('a')
    const sent = stored.addEvent('a')
    stored.answerFirstLate()
    await nextTurn()
    stored.answerAll()
    await nextTurn()
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.events).toEqual([sent])
  })

  it('events of a version that a member has read by joining again are sent, although no notification follows', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    stored.raise('a')
    const sent = stored.addEvent('a')
    await rooms.join('a', member)
    await vi.advanceTimersByTimeAsync(200)
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.events).toEqual([sent])
  })

  it('events that are stored and published while the first member joins are sent, however late it is known which were there before', async () => {
    stored.raise('a')
    const member = createMember()
    stored.setSlow(true)
    const joining = rooms.join('a', member)
    await nextTurn()
    stored.setSlow(false)
    stored.raise('a')
    const sent = stored.addEvent('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    stored.answerAll()
    await joining
    await vi.advanceTimersByTimeAsync(200)
    expect(member.versions.get('a')).toEqual([2])
    expect(member.events).toEqual([sent])
  })
})

describe('the rate of frames', () => {
  it('a room is sent at most ten frames a second, and the last change always', async () => {
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

  it('a large room is sent fewer frames, at least one a second, and delays no small room', async () => {
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

  it('a change of status is sent at once', async () => {
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
  it('a database that was away delays frames by a second, and nothing is lost', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    rooms.joinActive(member)
    await nextTurn()
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

  it('progress is sent although the list of sessions cannot be read', async () => {
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
  it('the list of sessions is sent when one starts or ends, not when one only progresses, and never an older list after a newer one', async () => {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    rooms.joinActive(there)
    await nextTurn()
    stored.raise('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a']])
    stored.setSlow(true)
    rooms.joinActive(joining)
    await nextTurn()
    stored.raise('b')
    rooms.publish(['b'], true)
    await nextTurn()
    stored.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    stored.remove('a')
    rooms.publish(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a'], ['a', 'b'], ['b']])
    expect(joining.lists.slice(-2)).toEqual([['a', 'b'], ['b']])
  })
})
