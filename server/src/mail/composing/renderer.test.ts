import fc from 'fast-check'
import { Liquid } from 'liquidjs'
import { describe, expect, it } from 'vitest'
import { decodedQuotedPrintable } from '../../../test/smtp/quoted-printable.ts'
import { quotedPrintable } from './quoted-printable.ts'
import { createRenderer, type PersonSlots, type SessionSlots } from './renderer.ts'
import { defaultTemplate } from './template.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

const words = fc.oneof(
  fc.constant(''),
  fc.constantFrom('&<>"\'', '$&', '\u00010\u0002', '{{ link }}', 'Zoë', '1', '0'),
  fc.string(),
)
const sessions: fc.Arbitrary<SessionSlots> = fc.record({ linkDays: fc.constantFrom(1, 7), senderName: words })
const people: fc.Arbitrary<PersonSlots[]> = fc.array(
  fc.record({ firstName: words, lastName: words, company: words, email: words, link: words }),
  { minLength: 1, maxLength: 4 },
)

const templates: [string, string][] = [
  ['the HTML of the default template', defaultTemplate.html],
  ['the text of the default template', defaultTemplate.text],
  ['the subject of the default template', defaultTemplate.subject],
  ['one that asks for a certain name', '{% if firstName == "1" %}one{% else %}{{ firstName }}{% endif %} {{ link }}'],
  ['one with filters', '{{ firstName | upcase | default: "you" }} {{company|size}}'],
  ['one that asks whether a name is like another', '{% if firstName == lastName %}same{% endif %}{{ lastName }}'],
  ['one with loops', '{% for i in (1..linkDays) %}{{ i }}{{ firstName }}{% endfor %}'],
  ['one that trims', 'a {{- firstName -}} b {%- if company != "" -%} {{ company }} {%- endif %}'],
  ['one with raw parts', '{% raw %}{{ firstName }}{% endraw %} {{ firstName }}'],
  ['one that gives slots other values', '{% assign firstName = "x" %}{{ firstName }}'],
  ['one with signs of private use', 'a\uE0000\uE001b {{ firstName }}'],
  ['one with control characters', 'a\u00010\u0002b {{ firstName }}'],
  [
    'one with branches',
    '{% if company == "" %}a{% elsif lastName != empty %}b{{company}}{% else %}c{% endif %}\n{{email}}',
  ],
]

describe('a renderer', () => {
  it('a renderer gives of any template, for everybody, what Liquid gives', async () => {
    for (const [what, source] of templates)
      for (const escapes of [true, false]) {
        const liquid = new Liquid(escapes ? { outputEscape: 'escape' } : {})
        const parsed = liquid.parse(source)
        await expectProperty(
          fc.property(sessions, people, (session, persons) => {
            const render = createRenderer(liquid, source, parsed, { session, escapes })
            const encoded = createRenderer(liquid, source, parsed, { session, escapes, encoding: quotedPrintable })
            for (const person of persons) {
              const plain = String(liquid.renderSync(parsed, { ...session, ...person }))
              const withCrlf = plain.replaceAll(/\r?\n/g, '\r\n')
              expect(render(person), what).toBe(withCrlf)
              expect(decodedQuotedPrintable(encoded(person)), what).toBe(withCrlf.toWellFormed())
            }
          }),
          { runs: 200 },
        )
      }
  })
})
