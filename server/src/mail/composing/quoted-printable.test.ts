import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodedQuotedPrintable } from '../../../test/smtp/quoted-printable.ts'
import { quotedPrintable } from './quoted-printable.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

const words = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.constantFrom(' ', '\t', '=', '=3D', '.', '\r', 'x'.repeat(75), 'x'.repeat(76), 'é'.repeat(40), '👩‍👩‍👧‍👦'.repeat(9)),
)
/** Texts like the parts of a mail, which may contain anything, but in which every line feed belongs to a CRLF. */
const texts = fc
  .array(fc.oneof(words, fc.constant('\r\n')), { maxLength: 12 })
  .map((parts) => parts.join('').replaceAll(/(?<!\r)\n/g, '\r\n'))

describe('quoted-printable', () => {
  it('decoding gives back what was encoded as quoted-printable, also where texts were encoded apart and joined', async () => {
    await expectProperty(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 4 }), (parts) => {
        const encoded = parts.map((part) => quotedPrintable.text(part)).join(quotedPrintable.seam)
        expect(decodedQuotedPrintable(encoded)).toBe(parts.join('').toWellFormed())
      }),
      { runs: 2000 },
    )
  })

  it('quoted-printable text has lines of at most 76 ASCII characters that end with CRLF and have no white space before it', async () => {
    await expectProperty(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 4 }), (parts) => {
        const encoded = parts.map((part) => quotedPrintable.text(part)).join(quotedPrintable.seam)
        for (const line of encoded.split('\r\n')) {
          expect(line).toMatch(/^[\t -~]{0,76}$/)
          expect(line).not.toMatch(/[\t ]$/)
          expect(line).not.toMatch(/=(?![0-9A-F]{2}|$)/)
        }
        expect(encoded).not.toMatch(/=$/)
      }),
      { runs: 2000 },
    )
  })
})
