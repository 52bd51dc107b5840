import { serialize } from 'node:v8'
import * as fc from 'fast-check'
import PostalMime, { type Email } from 'postal-mime'
import { describe, expect, it } from 'vitest'
import { composeMail, composeTemplate, TemplateError } from './compose.ts'
import { defaultTemplate } from './template.ts'
import type { MailInput, TemplateSource } from './types.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

const sender = { name: 'Rollcall', address: 'no-reply@localhost' }
const composed = composeTemplate(defaultTemplate, sender, { linkDays: 7 })
const ada: MailInput = {
  to: 'ada@example.com',
  firstName: 'Ada',
  lastName: 'Lovelace',
  company: 'Engines',
  link: 'https://crm.example.com/activate/a-b_c',
  messageId: '<1.2@crm.example.com>',
  date: new Date('2027-01-01T12:00:00Z'),
}
const everySlot: TemplateSource = {
  subject: '{{ firstName }}|{{ lastName }}|{{ company }}',
  text: '{{ firstName }}|{{ lastName }}|{{ company }}|{{ link }}|{{ email }}',
  html: '<p title="{{ lastName }}">{{ firstName }}</p><a href="{{ link }}">{{ company }}</a>',
}

function valuesOf(mail: Email, key: string): string[] {
  return mail.headers.filter((header) => header.key === key).map((header) => header.value)
}

const scripts = [
  'Ada Lovelace',
  'Жанна Агузарова',
  '王小明',
  'さくら ももこ',
  'محمد بن سلمان',
  'דָּוִד בֶּן־גּוּרִיּוֹן',
  'आदित्य कुमार',
  'สมชาย ใจดี',
  'Ὀδυσσεύς',
  'Nguyễn Thị Minh Khai',
  '👩‍👩‍👧‍👦 Family 🇺🇳',
  'İĞÜŞÖÇ ığüşöç',
  'O’Brien & Søns <"quoted">',
  '=?UTF-8?Q?not_a_word?=',
  'x'.repeat(200),
  '漢'.repeat(200),
]

describe('composeMail', () => {
  it('a composed mail has a text and an HTML part, and the headers of a mail', async () => {
    const mail = await PostalMime.parse(composeMail(composed, ada))
    expect(mail.from).toEqual({ name: 'Rollcall', address: 'no-reply@localhost' })
    expect(mail.to).toEqual([{ name: '', address: 'ada@example.com' }])
    expect(mail.subject).toBe('Ada, your account is ready')
    expect(mail.messageId).toBe('<1.2@crm.example.com>')
    expect(mail.date).toBe('2027-01-01T12:00:00.000Z')
    expect(valuesOf(mail, 'date')).toEqual(['Fri, 01 Jan 2027 12:00:00 +0000'])
    expect(valuesOf(mail, 'mime-version')).toEqual(['1.0'])
    expect(valuesOf(mail, 'auto-submitted')).toEqual(['auto-generated'])
    expect(mail.text).toContain('Hello Ada,')
    expect(mail.text).toContain('\nhttps://crm.example.com/activate/a-b_c\n')
    expect(mail.text).toContain('The link works for 7 days')
    expect(mail.html).toContain('href="https://crm.example.com/activate/a-b_c"')
    expect(mail.html).toContain('>https://crm.example.com/activate/a-b_c</a>')
  })

  it('each part of a mail has the encoding that makes it shorter, and arrives unharmed', async () => {
    const russian = {
      subject: 'Ваш счёт',
      text: 'Здравствуйте, {{ firstName }}! {{ link }}\n',
      html: '<p lang="ru">{{ link }}</p>',
    }
    const raw = composeMail(composeTemplate(russian, sender, { linkDays: 7 }), ada)
    expect(raw.match(/^Content-Transfer-Encoding: .*$/gm)).toEqual([
      'Content-Transfer-Encoding: base64',
      'Content-Transfer-Encoding: quoted-printable',
    ])
    const mail = await PostalMime.parse(raw)
    expect(mail.text?.trim()).toBe(`Здравствуйте, Ada! ${ada.link}`)
    expect(mail.html?.trim()).toBe(`<p lang="ru">${ada.link}</p>`)
  })

  it('a mail greets a person without a name, too', async () => {
    const mail = await PostalMime.parse(composeMail(composed, { ...ada, firstName: '', lastName: '', company: '' }))
    expect(mail.subject).toBe('Your account is ready')
    expect(mail.text).toMatch(/^Hello,\n/)
  })

  it('names in any script arrive unharmed in the subject, the sender and the text of a mail of short ASCII lines', async () => {
    for (const name of scripts) {
      const composed = composeTemplate(everySlot, { ...sender, name }, { linkDays: 7 })
      const raw = composeMail(composed, { ...ada, firstName: name, lastName: name, company: name })
      const mail = await PostalMime.parse(raw)
      expect(mail.subject).toBe(`${name}|${name}|${name}`)
      expect(mail.from).toEqual({ name, address: sender.address })
      expect(mail.text?.trim()).toBe(`${name}|${name}|${name}|${ada.link}|${ada.to}`)
      for (const line of raw.split('\r\n')) {
        expect(line.length, name).toBeLessThanOrEqual(998)
        expect(line, name).toMatch(/^[\x20-\x7e]*$/)
      }
      expect(raw.split('\r\n\r\n')[0], name).not.toMatch(/^.{79}/m)
    }
  })

  it('names are escaped in the HTML of a mail and left as they are in its text', async () => {
    const name = `<script>alert("1")</script>' & {{ link }}`
    const composed = composeTemplate(everySlot, sender, { linkDays: 7 })
    const mail = await PostalMime.parse(composeMail(composed, { ...ada, firstName: name, lastName: '" onload="x' }))
    expect(mail.html).toContain(
      '<p title="&#34; onload=&#34;x">&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&#39; &amp; {{ link }}</p>',
    )
    expect(mail.text).toContain(`${name}|" onload="x|`)
  })

  it('a mail has exactly one recipient, one sender and one subject, whatever stands in the names', async () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            '\r\n',
            '\n',
            '\r',
            '\u2028',
            '\u0085',
            '\0',
            'Bcc: evil@z.test',
            'To: ',
            '.',
            ' ',
            '=?',
            'é',
          ),
        )
        .map((parts) => parts.join('')),
    )
    const composed = composeTemplate(everySlot, sender, { linkDays: 7 })
    await expectProperty(
      fc.asyncProperty(nasty, nasty, nasty, async (firstName, lastName, company) => {
        const mail = await PostalMime.parse(composeMail(composed, { ...ada, firstName, lastName, company }))
        expect(mail.headers.map((header) => header.key)).toEqual([
          'from',
          'mime-version',
          'auto-submitted',
          'to',
          'subject',
          'date',
          'message-id',
          'content-type',
        ])
        expect(valuesOf(mail, 'to')).toEqual([ada.to])
        expect(mail.bcc).toBeUndefined()
        expect(mail.attachments).toEqual([])
      }),
      { runs: 500 },
    )
  })

  it('composing the same input gives the same bytes, and another mail has another boundary', () => {
    const again = composeTemplate(defaultTemplate, sender, { linkDays: 7 })
    expect(composeMail(again, { ...ada })).toBe(composeMail(composed, ada))
    const other = composeMail(composed, { ...ada, messageId: '<2.2@crm.example.com>' })
    expect(/boundary="(.*)"/.exec(other)?.[1]).not.toBe(/boundary="(.*)"/.exec(composeMail(composed, ada))?.[1])
  })

  it('composing refuses an address or a Message-ID that is not exactly one', () => {
    expect(() => composeMail(composed, { ...ada, to: 'a@x.test\r\nBcc: evil@z.test' })).toThrow(/address/)
    expect(() => composeMail(composed, { ...ada, to: ' a@x.test' })).toThrow(/address/)
    expect(() => composeMail(composed, { ...ada, messageId: '<1@x>\r\nBcc: evil@z.test' })).toThrow(/Message-ID/)
  })
})

describe('what a mail costs', () => {
  /** How many bytes V8 takes for a character of this text: the serialised form names it (`"` or `c`). */
  const bytesOfACharacter = (text: string) => (serialize(text)[2] === 0x22 ? 1 : 2)
  const wide: TemplateSource = {
    subject: '“{{ firstName }}”',
    text: '“{{ firstName }}” and {{ link }}',
    html: '<p>“{{ firstName }}” and <a href="{{ link }}">this</a></p>',
  }

  it('a mail takes one byte a character in memory, with any template and names in any script', () => {
    for (const [what, source] of [
      ['the default template', defaultTemplate],
      ['a template of words in ASCII', everySlot],
      ['a template with wide characters', wide],
    ] as const) {
      const read = composeTemplate(source, sender, { linkDays: 7 })
      for (const name of ['Ada', ...scripts]) {
        const mail = composeMail(read, { ...ada, firstName: name, lastName: name, company: name })
        expect([name, bytesOfACharacter(mail)], what).toEqual([name, 1])
      }
    }
  })
})

describe('composeTemplate', () => {
  it('a template with an open tag, an unknown slot, a file or an empty subject is refused as a fault of the template', () => {
    for (const [what, template] of [
      ['a tag that is not closed', { ...everySlot, text: '{% if firstName %}' }],
      ['an unknown slot', { ...everySlot, html: '{{ fristName }}' }],
      ['a file', { ...everySlot, html: "{% include '/etc/hostname' %}" }],
      ['an empty subject', { ...everySlot, subject: ' ' }],
    ] as const)
      expect(() => composeTemplate(template, sender, { linkDays: 7 }), what).toThrow(TemplateError)
  })

  it('the default template speaks of one day in the singular', async () => {
    const composed = composeTemplate(defaultTemplate, sender, { linkDays: 1 })
    const mail = await PostalMime.parse(composeMail(composed, ada))
    expect(mail.text).toContain('The link works for 1 day,')
  })
})
