import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMember, openRooms } from '../../test/app/rooms.ts'
import { expectProperty } from '../../test/properties/expect-property.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const nextTurn = () => vi.advanceTimersByTimeAsync(0)

describe('whatever the order of changes, notifications, joins, slow answers and slow readers', () => {
  const sessions = ['a', 'b']
  const session = fc.constantFrom(...sessions)
  const who = fc.nat({ max: 2 })
  const step = fc.oneof(
    fc.record({ do: fc.constant('change' as const), session, isPublished: fc.boolean(), urgent: fc.boolean() }),
    fc.record({ do: fc.constantFrom('join' as const, 'leave' as const), session, who }),
    fc.record({ do: fc.constantFrom('leaveAll' as const, 'stall' as const, 'drain' as const, 'watch' as const), who }),
    fc.record({ do: fc.constantFrom('slow' as const, 'answerAll' as const, 'missed' as const) }),
    fc.record({ do: fc.constant('answerOne' as const), index: fc.nat({ max: 9 }) }),
    fc.record({ do: fc.constant('time' as const), milliseconds: fc.nat({ max: 300 }) }),
  )

  it('every member ends with the newest version, all events since it joined and the newest list, and never got a lower version after a higher one', async () => {
    await expectProperty(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const { stored, rooms } = openRooms()
        for (const each of sessions) stored.raise(each)
        const members = Array.from({ length: 3 }, createMember)
        const inside = new Set<string>()
        const join = async (number: number, name: string) => {
          await rooms.join(name, members[number]!)
          const key = `${number} ${name}`
          if (inside.has(key) && !owed.has(key)) owed.set(key, told.length)
        }
        const watching = new Set<number>()
        const told: { session: string; id: number }[] = []
        /** The event after which a member must get all of a session's events; a member that stalled may miss some. */
        const owed = new Map<string, number>()
        const stalled = new Set<number>()
        for (const each of steps) {
          const member = 'who' in each ? members[each.who]! : members[0]!
          if (each.do === 'change') {
            stored.raise(each.session)
            if (each.urgent) told.push({ session: each.session, id: stored.addEvent(each.session) })
            if (each.isPublished) rooms.publish([each.session], each.urgent)
          } else if (each.do === 'join') {
            // A new subscription begins anew; the client keeps the highest version by itself.
            if (!inside.has(`${each.who} ${each.session}`)) member.versions.delete(each.session)
            inside.add(`${each.who} ${each.session}`)
            void join(each.who, each.session)
          } else if (each.do === 'leave') {
            inside.delete(`${each.who} ${each.session}`)
            owed.delete(`${each.who} ${each.session}`)
            rooms.leave(each.session, member)
            member.versions.delete(each.session)
          } else if (each.do === 'leaveAll') {
            for (const name of sessions) {
              inside.delete(`${each.who} ${name}`)
              owed.delete(`${each.who} ${name}`)
            }
            watching.delete(each.who)
            rooms.leaveAll(member)
            member.versions.clear()
          } else if (each.do === 'watch') {
            watching.add(each.who)
            rooms.joinActive(member)
          } else if (each.do === 'stall') {
            member.isReady = false
            stalled.add(each.who)
          } else if (each.do === 'drain') {
            member.isReady = true
            rooms.catchUp(member)
          } else if (each.do === 'slow') stored.setSlow(true)
          else if (each.do === 'answerAll') stored.answerAll()
          else if (each.do === 'answerOne') stored.answerOne(each.index)
          else if (each.do === 'missed') rooms.refreshAll()
          else if (each.do === 'time') await vi.advanceTimersByTimeAsync(each.milliseconds)
          await nextTurn()
        }
        // The rooms are read once more after everything has calmed down, as the bus has it done every few seconds; that makes up for notifications that never came.
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
          for (const name of sessions) {
            const events = told.filter(({ session: of }) => of === name).map(({ id }) => id)
            const seen = member.events.filter((id) => events.includes(id))
            expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
            const first = owed.get(`${number} ${name}`)
            if (first === undefined || stalled.has(number)) continue
            expect(seen).toEqual(expect.arrayContaining(events.filter((id) => id > first)))
          }
          if (watching.has(number)) expect(member.lists.at(-1)).toEqual(sessions)
        }
        const watched = new Set([...inside].map((each) => each.split(' ')[1]))
        expect(rooms.size).toBe(watched.size)
        rooms.close()
      }),
      { runs: 400 },
    )
  })
})
