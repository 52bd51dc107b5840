import * as fc from 'fast-check'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Progress, SessionEvent } from '@rollcall/shared'
import { createRooms, type Rooms, type RoomsSource, type Subscriber } from './rooms.ts'

const logger = pino({ level: 'silent' })

/** Stored sessions whose readers answer when the test lets them, in any order, with what was stored when they asked. */
function createSource() {
  const versions = new Map<string, number>()
  const events: { sessionId: string; id: number; event: SessionEvent }[] = []
  const waiting: (() => void)[] = []
  let slow = false
  let failing = false
  function answer<Value>(value: Value): Promise<Value> {
    if (failing) return Promise.reject(new Error('the database is away'))
    if (!slow) return Promise.resolve(value)
    return new Promise((resolve) => waiting.push(() => resolve(value)))
  }
  const read = (ids: Iterable<string>) =>
    [...ids].flatMap((sessionId) => {
      const version = versions.get(sessionId)
      return version === undefined ? [] : [{ sessionId, version } as Progress]
    })
  const source: RoomsSource = {
    progress: (ids) => answer(read(ids)),
    active: () => answer(read(versions.keys())),
    events: (after) =>
      answer(events.filter(({ sessionId, id }) => after.has(sessionId) && id > (after.get(sessionId) ?? 0))),
    lastEventId: (sessionId) => answer(events.findLast((each) => each.sessionId === sessionId)?.id ?? 0),
  }
  return {
    source,
    raise: (sessionId: string) => versions.set(sessionId, (versions.get(sessionId) ?? 0) + 1),
    remove: (sessionId: string) => versions.delete(sessionId),
    version: (sessionId: string) => versions.get(sessionId) ?? 0,
    addEvent(sessionId: string) {
      events.push({ sessionId, id: events.length + 1, event: { cause: String(events.length + 1) } as SessionEvent })
      return events.length
    },
    setSlow: (value: boolean) => (slow = value),
    setFailing: (value: boolean) => (failing = value),
    /** Lets the reader with this number (in the order of asking, modulo) have its answer. */
    answerOne: (index: number) => waiting.splice(index % Math.max(1, waiting.length), 1)[0]?.(),
    /** Lets the reader who asked last have its answer. */
    answerLast: () => waiting.pop()?.(),
    answerAll() {
      slow = false
      for (const each of waiting.splice(0)) each()
    },
  }
}

interface Member extends Subscriber {
  isReady: boolean
  versions: Map<string, number[]>
  events: number[]
  lists: string[][]
}

function createMember(): Member {
  const member: Member = {
    isReady: true,
    versions: new Map(),
    events: [],
    lists: [],
    ready: () => member.isReady,
    send({ type, text }) {
      const { data } = JSON.parse(text) as { data: Progress & Progress[] & SessionEvent }
      if (type === 'progress') {
        const seen = member.versions.get(data.sessionId) ?? []
        member.versions.set(data.sessionId, [...seen, data.version])
      }
      if (type === 'event') member.events.push(Number(data.cause))
      if (type === 'active') member.lists.push(data.map((each) => each.sessionId))
    },
  }
  return member
}

let stored: ReturnType<typeof createSource>
let rooms: Rooms

function begin(): void {
  stored = createSource()
  rooms = createRooms({ source: stored.source, logger, clock: () => Date.now() })
}

beforeEach(() => {
  vi.useFakeTimers()
  begin()
})
afterEach(() => {
  rooms.close()
  vi.useRealTimers()
})

const turn = () => vi.advanceTimersByTimeAsync(0)

describe('whatever the order of changes, rings, joins, slow answers and slow readers', () => {
  const sessions = ['a', 'b']
  const session = fc.constantFrom(...sessions)
  const who = fc.nat({ max: 2 })
  const step = fc.oneof(
    fc.record({ do: fc.constant('change' as const), session, rings: fc.boolean(), urgent: fc.boolean() }),
    fc.record({ do: fc.constantFrom('join' as const, 'leave' as const), session, who }),
    fc.record({ do: fc.constantFrom('leaveAll' as const, 'stall' as const, 'drain' as const, 'watch' as const), who }),
    fc.record({ do: fc.constantFrom('slow' as const, 'answerAll' as const, 'gap' as const) }),
    fc.record({ do: fc.constant('answerOne' as const), index: fc.nat({ max: 9 }) }),
    fc.record({ do: fc.constant('time' as const), milliseconds: fc.nat({ max: 300 }) }),
  )

  it('every member ends with the newest version and the newest list, and never got a lower version after a higher one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        rooms.close()
        begin()
        for (const each of sessions) stored.raise(each)
        const members = Array.from({ length: 3 }, createMember)
        const inside = new Set<string>()
        const watching = new Set<number>()
        for (const each of steps) {
          const member = 'who' in each ? members[each.who]! : members[0]!
          if (each.do === 'change') {
            stored.raise(each.session)
            if (each.rings) rooms.ring([each.session], each.urgent)
          } else if (each.do === 'join') {
            // A new subscription begins anew; the client keeps the highest version by itself.
            if (!inside.has(`${each.who} ${each.session}`)) member.versions.delete(each.session)
            inside.add(`${each.who} ${each.session}`)
            void rooms.join(each.session, member)
          } else if (each.do === 'leave') {
            inside.delete(`${each.who} ${each.session}`)
            rooms.leave(each.session, member)
            member.versions.delete(each.session)
          } else if (each.do === 'leaveAll') {
            for (const name of sessions) inside.delete(`${each.who} ${name}`)
            watching.delete(each.who)
            rooms.leaveAll(member)
            member.versions.clear()
          } else if (each.do === 'watch') {
            watching.add(each.who)
            rooms.joinActive(member)
          } else if (each.do === 'stall') member.isReady = false
          else if (each.do === 'drain') {
            member.isReady = true
            rooms.catchUp(member)
          } else if (each.do === 'slow') stored.setSlow(true)
          else if (each.do === 'answerAll') stored.answerAll()
          else if (each.do === 'answerOne') stored.answerOne(each.index)
          else if (each.do === 'gap') rooms.refreshAll()
          else if (each.do === 'time') await vi.advanceTimersByTimeAsync(each.milliseconds)
          await turn()
        }
        // The backstop after everything calmed down; rings that never came are mended by it.
        for (const member of members.filter((each) => !each.isReady)) {
          member.isReady = true
          rooms.catchUp(member)
        }
        for (let round = 0; round < 5; round++) {
          stored.answerAll()
          await vi.advanceTimersByTimeAsync(1100)
        }
        rooms.refreshAll()
        await vi.advanceTimersByTimeAsync(1100)

        for (const [number, member] of members.entries()) {
          for (const name of sessions) {
            const seen = member.versions.get(name) ?? []
            expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
            if (inside.has(`${number} ${name}`)) expect(seen.at(-1)).toBe(stored.version(name))
            else expect(seen).toEqual([])
          }
          if (watching.has(number)) expect(member.lists.at(-1)).toEqual(sessions)
        }
        const watched = new Set([...inside].map((each) => each.split(' ')[1]))
        expect(rooms.size).toBe(watched.size)
      }),
      { numRuns: 400 },
    )
  })
})

describe('joining', () => {
  /** Somebody joins while the room reads version 2, when 3 is stored already; the answers come in this order. */
  async function joinDuringReading(answers: 'the room first' | 'the one who joins first') {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    await rooms.join('a', there)
    await vi.advanceTimersByTimeAsync(200)
    stored.setSlow(true)
    stored.raise('a')
    rooms.ring(['a'], true)
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
    rooms.ring(['a'], false)
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
    rooms.ring(['a'], false)
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
    rooms.ring(['a'], true)
    stored.answerAll()
    await Promise.all(joins)
    await vi.advanceTimersByTimeAsync(200)
    told.push(stored.addEvent('a'), stored.addEvent('a'))
    rooms.ring(['a'], true)
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
    rooms.ring(['a'], true)
    await vi.advanceTimersByTimeAsync(10)
    stored.answerAll()
    await joining
    stored.raise('a')
    rooms.ring(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(first.events).toEqual([told])
  })
})

describe('how often', () => {
  it('a room is told at most ten times a second, and the last change always', async () => {
    stored.raise('a')
    const member = createMember()
    await rooms.join('a', member)
    for (let millisecond = 0; millisecond < 3000; millisecond++) {
      stored.raise('a')
      rooms.ring(['a'], false)
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
    const crowd = Array.from({ length: 10_000 }, createMember)
    await Promise.all(crowd.map((member) => rooms.join('large', member)))
    const alone = createMember()
    await rooms.join('small', alone)
    for (let tenth = 0; tenth < 40; tenth++) {
      stored.raise('large')
      stored.raise('small')
      rooms.ring(['large'], false)
      rooms.ring(['small'], false)
      await vi.advanceTimersByTimeAsync(100)
    }
    const seen = crowd[0]!.versions.get('large')?.length ?? 0
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
      rooms.ring(['a'], true)
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
    rooms.ring(['a', 'b'], true)
    await vi.advanceTimersByTimeAsync(3000)
    stored.setFailing(false)
    await vi.advanceTimersByTimeAsync(1100)
    expect(member.versions.get('a')).toEqual([1, 2])
    expect(member.lists).toEqual([['a'], ['a', 'b']])
  })
})

describe('the list of sessions that run', () => {
  it('is told when one starts or ends, not when one only moves on, and never an older after a newer one', async () => {
    stored.raise('a')
    const [there, joining] = [createMember(), createMember()]
    rooms.joinActive(there)
    await turn()
    stored.raise('a')
    rooms.ring(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a']])
    stored.setSlow(true)
    rooms.joinActive(joining)
    await turn()
    stored.raise('b')
    rooms.ring(['b'], true)
    await turn()
    stored.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    stored.remove('a')
    rooms.ring(['a'], true)
    await vi.advanceTimersByTimeAsync(200)
    expect(there.lists).toEqual([['a'], ['a', 'b'], ['b']])
    expect(joining.lists.slice(-2)).toEqual([['a', 'b'], ['b']])
  })
})
