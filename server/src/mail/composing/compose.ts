import { hash } from 'node:crypto'
import { Liquid, type Template } from 'liquidjs'
import { isSendable } from '../address.ts'
import { addressHeader, textHeader } from './headers.ts'
import { quotedPrintable } from './quoted-printable.ts'
import { createRenderer, type Encoding, type PersonSlots, type Renderer, type SessionSlots } from './renderer.ts'
import type { Sender } from '../smtp/types.ts'
import type { MailInput, TemplateSource } from './types.ts'

/** A template that was parsed once, and whose slots are filled for one person after another. */
export interface ComposedTemplate {
  subject: Renderer
  text: Part
  html: Part
  /** The headers that are the same in every mail of the session. */
  fixedHeaders: string
}

/** A part of the mail, in the encoding that makes it shorter. */
interface Part {
  encoding: 'quoted-printable' | 'base64'
  /** Renders the part in its encoding. */
  render: Renderer
}

/** What is wrong with a template, in a sentence for the person who writes it. */
export class TemplateError extends Error {
  override name = 'TemplateError'
}

const limits = {
  // A template that a person wrote must neither read from disk nor stop the process.
  templates: {},
  parseLimit: 1_000_000,
  renderLimit: 1000,
  memoryLimit: 10_000_000,
  // Dates look the same on every machine.
  timezoneOffset: 0,
  locale: 'en-US',
}
const plain = new Liquid(limits)
const escaping = new Liquid({ ...limits, outputEscape: 'escape' })

const samplePerson: PersonSlots = {
  firstName: 'Ada',
  lastName: 'Lovelace',
  company: 'Engines',
  email: 'ada@example.com',
  link: 'https://example.com/activate/token',
}

/**
 * Parses a template once for all mails of a session. `linkDays` is how long the link lives, for the text. Throws TemplateError
 * where the template cannot be parsed or names a slot that does not exist.
 */
export function composeTemplate(
  template: TemplateSource,
  sender: Sender,
  options: { linkDays: number },
): ComposedTemplate {
  const session: SessionSlots = {
    linkDays: options.linkDays,
    senderName: sender.name === '' ? sender.address : sender.name,
  }
  const composed = {
    subject: parseTemplate(plain, template.subject, { name: 'subject', session })(),
    text: part(parseTemplate(plain, template.text, { name: 'text', session })),
    html: part(parseTemplate(escaping, template.html, { name: 'HTML', session })),
    fixedHeaders: [
      addressHeader('From', sender),
      'MIME-Version: 1.0',
      // RFC 3834 section 5: automatic replies, such as holiday notices, are not to answer this mail.
      'Auto-Submitted: auto-generated',
    ].join('\r\n'),
  }
  if (oneLine(composed.subject(samplePerson)) === '')
    throw new TemplateError('The subject of the mail template is empty.')
  return composed
}

/**
 * Composes the whole mail for one person, ready for the mail server, in ASCII; the same input gives the same bytes. Throws where
 * `to` is not exactly one sendable address or `messageId` is not one in angle brackets; names may be anything.
 */
export function composeMail(composed: ComposedTemplate, input: MailInput): string {
  if (!isSendable(input.to)) throw new Error('The address of a mail is not one that checkAddress gave.')
  if (!/^<[!-;=?-~]+@[!-;=?-~]+>$/.test(input.messageId)) throw new Error('A Message-ID stands in angle brackets.')
  const person: PersonSlots = {
    firstName: oneLine(input.firstName),
    lastName: oneLine(input.lastName),
    company: oneLine(input.company ?? ''),
    email: input.to,
    link: input.link,
  }
  // Neither encoding has "=_", so no line of a part can be mistaken for the boundary.
  const boundary = `=_${hash('sha256', input.messageId).slice(0, 32)}`
  const lines = [
    composed.fixedHeaders,
    `To: ${input.to}`,
    textHeader('Subject', oneLine(composed.subject(person))),
    `Date: ${input.date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${input.messageId}`,
    'Content-Type: multipart/alternative;',
    ` boundary="${boundary}"`,
    '',
    ...linesOf(composed.text, 'text/plain', boundary, person),
    ...linesOf(composed.html, 'text/html', boundary, person),
    `--${boundary}--`,
    '',
  ]
  return lines.join('\r\n')
}

function linesOf({ encoding, render }: Part, type: string, boundary: string, person: PersonSlots): string[] {
  return [
    `--${boundary}`,
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Transfer-Encoding: ${encoding}`,
    '',
    render(person),
  ]
}

/** Creates a renderer of a parsed template, in an encoding or as plain text. */
type CreateRenderer = (encoding?: Encoding) => Renderer

/** Chooses quoted-printable, unless the text has so many characters beyond ASCII that base64 is shorter. */
function part(rendererIn: CreateRenderer): Part {
  const render = rendererIn()
  const text = render(samplePerson)
  if (quotedPrintable.text(text).length > base64Lines(text).length)
    return { encoding: 'base64', render: (person) => base64Lines(render(person)) }
  return { encoding: 'quoted-printable', render: rendererIn(quotedPrintable) }
}

/** Parses one part of the mail template; `name` is what an error calls it. Throws TemplateError. */
function parseTemplate(
  liquid: Liquid,
  source: string,
  { name, session }: { name: string; session: SessionSlots },
): CreateRenderer {
  let parsed: Template[]
  try {
    parsed = liquid.parse(source)
    // An unknown slot would be an empty place in every mail, so it is refused while somebody is looking.
    liquid.renderSync(parsed, { ...session, ...samplePerson }, { strictVariables: true })
  } catch (error) {
    throw new TemplateError(`The ${name} of the mail template cannot be used: ${(error as Error).message}`)
  }
  return (encoding) =>
    createRenderer(liquid, source, parsed, { session, escapes: liquid === escaping, ...(encoding && { encoding }) })
}

/** Makes line breaks, control and invisible formatting characters spaces, and several spaces one. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
}

/** Encodes a text whose lines end with CRLF in base64, in lines of 76 characters (RFC 2045 section 6.8). */
function base64Lines(text: string): string {
  const encoded = Buffer.from(text, 'utf8').toString('base64')
  const lines: string[] = []
  for (let start = 0; start < encoded.length; start += 76) lines.push(encoded.slice(start, start + 76))
  return lines.join('\r\n')
}
