import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkAddress, isSendable, parseSender } from './address.ts'
import { expectProperty } from '../../test/properties/expect-property.ts'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const word = fc.string({ unit: fc.constantFrom(...letters.split('')), minLength: 1, maxLength: 20 })
const localPart = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('.'))
const domain = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.constantFrom('test', 'Example', 'xn--p1ai', 'co'))
  .map(([labels, last]) => [...labels, last].join('.'))
const plainAddress = fc.tuple(localPart, domain).map(([local, host]) => `${local}@${host}`)

describe('checkAddress', () => {
  it('any plain address is accepted as it is, and compared without regard to case', async () => {
    await expectProperty(
      fc.property(plainAddress, (address) => {
        expect(checkAddress(`  ${address}\t`)).toEqual({ ok: true, address, key: address.toLowerCase() })
      }),
    )
  })

  it('an address that was checked is accepted unchanged when it is checked again', async () => {
    await expectProperty(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.emailAddress(), plainAddress), (text) => {
        const checked = checkAddress(text)
        if (!checked.ok) return
        expect(checkAddress(checked.address)).toEqual(checked)
        expect(isSendable(checked.address)).toBe(true)
        expect(checked.address).toMatch(/^[\x21-\x7e]+$/)
        expect(checked.key).toBe(checked.address.toLowerCase())
      }),
    )
  })

  it('an address can be sent to exactly when checking it leaves it as it is', async () => {
    const close = fc
      .tuple(
        fc.string({ unit: fc.constantFrom(...'aZ0.-_@! é'.split('')), maxLength: 70 }),
        fc.string({ unit: fc.constantFrom(...'aZ09.-_@ ü'.split('')), maxLength: 70 }),
        fc.constantFrom('', '.test', '.1', '.a1', '.a-', `.${'a'.repeat(63)}`, `.${'a'.repeat(64)}`, '.a'.repeat(95)),
      )
      .map(([local, host, end]) => `${local}@${host}${end}`)
    await expectProperty(
      fc.property(fc.oneof(close, plainAddress), (text) => {
        const checked = checkAddress(text)
        expect(isSendable(text)).toBe(checked.ok && checked.address === text)
      }),
      { runs: 5000 },
    )
  })

  it('a plain address is refused when one character that means something else is inserted', async () => {
    const intruder = fc.constantFrom(...'()<>[]:;@\\," \r\n\0\t\u007f\u200b\u200d\u2028\u00ad\ufeff'.split(''))
    await expectProperty(
      fc.property(plainAddress, intruder, fc.double({ min: 0, max: 1, noNaN: true }), (address, character, where) => {
        const position = 1 + Math.floor(where * (address.length - 2))
        const text = address.slice(0, position) + character + address.slice(position)
        expect(checkAddress(text).ok).toBe(false)
        expect(isSendable(text)).toBe(false)
      }),
    )
  })

  it('an address that is no plain address is refused with a sentence', () => {
    for (const [what, text] of [
      ['nothing', ''],
      ['no @', 'someone.test'],
      ['nothing before the @', '@a.test'],
      ['nothing after the @', 'a@'],
      ['a header smuggled behind a line break', 'a@x.test\r\nBcc: evil@z.test'],
      ['a list', 'a@x.test, b@x.test'],
      ['a list without spaces', 'a@x.test,b@x.test'],
      ['a group', 'friends:a@x.test;'],
      ['a name', 'Ada <a@x.test>'],
      ['angle brackets', '<a@x.test>'],
      ['a comment', 'a(comment)@x.test'],
      ['quotes', '"a b"@x.test'],
      ['an address literal', 'a@[127.0.0.1]'],
      ['an IP address', 'a@127.0.0.1'],
      ['a full-width IP address', 'a@１２７.０.０.１'],
      ['a domain without a dot', 'a@localhost'],
      ['an empty label', 'a@x..test'],
      ['a dot at the end', 'a@x.test.'],
      ['a hyphen at the edge of a label', 'a@-x.test'],
      ['an underscore in the domain', 'a@x_y.test'],
      ['two dots in a row', 'a..b@x.test'],
      ['a dot before the @', 'a.@x.test'],
      ['a second @', 'a@b@x.test'],
      ['letters beyond ASCII before the @', 'jürgen@x.test'],
      ['a zero-width space in the domain', 'a@x\u200b.test'],
      ['65 characters before the @', `${'a'.repeat(65)}@x.test`],
      ['a label of 64 characters', `a@${'b'.repeat(64)}.test`],
      ['255 characters', `a@${'b.'.repeat(124)}tests`],
    ] as const)
      expect(checkAddress(text), what).toEqual({ ok: false, reason: expect.stringMatching(/^[A-Z].*\.$/) })
  })

  it('the longest address that may exist is accepted', () => {
    const address = `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(56)}.test`
    expect(address).toHaveLength(254)
    expect(checkAddress(address).ok).toBe(true)
  })

  it('an internationalised domain is kept in the one form that mail servers know', () => {
    const expected = { ok: true, address: 'Info@xn--bcher-kva.example', key: 'info@xn--bcher-kva.example' }
    expect(checkAddress('Info@bücher.example')).toEqual(expected)
    expect(checkAddress('Info@BÜCHER.example')).toEqual(expected)
    expect(checkAddress('Info@xn--bcher-kva.example')).toEqual(expected)
    expect(isSendable('Info@bücher.example')).toBe(false)
  })

  it('an input of 160 kB is refused with less than 50 ms of work, whatever it consists of', () => {
    const size = 160_000
    for (const text of [
      'a'.repeat(size),
      `${'a.'.repeat(size / 2)}@`,
      `a@${'a-'.repeat(size / 2)}`,
      ' '.repeat(size),
      `${'('.repeat(size)}a@x.test`,
      '@'.repeat(size),
      '\u00fc'.repeat(size),
    ]) {
      const before = process.threadCpuUsage()
      expect(checkAddress(text).ok).toBe(false)
      const { user, system } = process.threadCpuUsage(before)
      expect((user + system) / 1000).toBeLessThan(50)
    }
  })
})

describe('parseSender', () => {
  it('a sender is read as a name and an address, or as an address alone', () => {
    expect(parseSender('Rollcall <no-reply@localhost>')).toEqual({
      ok: true,
      sender: { name: 'Rollcall', address: 'no-reply@localhost' },
    })
    expect(parseSender('"Ada, \\"Countess\\"" <ada@x.test>')).toEqual({
      ok: true,
      sender: { name: 'Ada, "Countess"', address: 'ada@x.test' },
    })
    expect(parseSender('ada@x.test')).toEqual({ ok: true, sender: { name: '', address: 'ada@x.test' } })
  })

  it('a sender that has no address, more than one address or a line break is refused', () => {
    for (const text of [
      '',
      'Rollcall',
      'Rollcall <>',
      'A\nB <a@x.test>',
      'a@x.test, b@x.test',
      'A <a@x.test> B',
      'A <a b@x.test>',
    ])
      expect(parseSender(text).ok, JSON.stringify(text)).toBe(false)
  })
})
