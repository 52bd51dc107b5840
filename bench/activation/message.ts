import { decodedQuotedPrintable } from '../../server/test/smtp/quoted-printable.ts'
import { composeMail, composeTemplate } from '../../server/src/mail/composing/compose.ts'
import { defaultTemplate } from '../../server/src/mail/composing/template.ts'

/** The mail of the benchmark, as Rollcall sends it with its own template. */
export interface Message {
  from: string
  subject: string
  text: string
  html: string
  /** The size of the whole mail as Rollcall composes it, in bytes. */
  size: number
}

/** Composes one mail with all its slots filled. The peers send this mail again and again, which spares them the work of filling slots. */
export function sampleMessage(): Message {
  const sender = { name: 'Rollcall', address: 'no-reply@localhost.example' }
  const composed = composeTemplate(defaultTemplate, sender, { linkDays: 7 })
  const link = `http://localhost:3000/activate/${'t'.repeat(43)}`
  const person = { firstName: 'First12345', lastName: 'Last12345', company: 'Company', email: addressOf(12345), link }
  const messageId = '<activation_1704123456789_a7bc3d2f1e0g.12345@localhost.example>'
  const mail = composeMail(composed, { ...person, to: person.email, messageId, date: new Date() })
  return {
    from: sender.address,
    subject: composed.subject(person),
    text: decodedQuotedPrintable(composed.text.render(person)),
    html: decodedQuotedPrintable(composed.html.render(person)),
    size: mail.length,
  }
}

/** Returns the address of the n-th recipient. */
export function addressOf(number: number): string {
  return `person.${number}@crowd.example`
}
