import { hash } from 'node:crypto'
import { Liquid, type Template } from 'liquidjs'
import { isSendable } from '../address.ts'
import { addressHeader, textHeader } from './headers.ts'
import { quotedPrintable } from './quoted-printable.ts'
import { createRenderer, type Encoding, type Renderer, type Slots } from './renderer.ts'
import type { MailInput, Sender, TemplateSource } from '../smtp/types.ts'

/** A template that was read once and fills its slots for one person after another. */
export interface ComposedTemplate {
  subject: Renderer
  text: Part
  html: Part
  /** The headers that every mail has alike. */
  fixedHeaders: string
  senderName: string
  linkDays: number
}

/** A part of the mail, in the encoding that makes it shorter. */
interface Part {
  encoding: 'quoted-printable' | 'base64'
  /** Encoded. */
  render: Renderer
}

/** What is wrong with a template, in a sentence for the person who writes it. */
export class TemplateError extends Error {
  override name = 'TemplateError'
}

const limits = {
  // Nothing may be read from disk, and a template that a person wrote may not stop the process.
  templates: {},
  parseLimit: 1_000_000,
  renderLimit: 1000,
  memoryLimit: 10_000_000,
  // The same on every machine.
  timezoneOffset: 0,
  locale: 'en-US',
}
const plain = new Liquid(limits)
const escaping = new Liquid({ ...limits, outputEscape: 'escape' })

const sample: Slots = {
  firstName: 'Ada',
  lastName: 'Lovelace',
  company: 'Engines',
  email: 'ada@example.com',
  link: 'https://example.com/activate/token',
  linkDays: 7,
  senderName: 'Rollcall',
}

/**
 * Reads a template and the sender once, for all mails of a session. `linkDays`: how long the link lives, for the text.
 * Throws TemplateError where the template cannot be read or names a slot that there is not.
 */
export function composeTemplate(
  template: TemplateSource,
  sender: Sender,
  options: { linkDays: number },
): ComposedTemplate {
  const composed = {
    subject: readTemplate(plain, template.subject, 'subject')(),
    text: part(plain, template.text, 'text'),
    html: part(escaping, template.html, 'HTML'),
    fixedHeaders: [
      addressHeader('From', sender),
      'MIME-Version: 1.0',
      // RFC 3834 section 5: no holiday notices in return.
      'Auto-Submitted: auto-generated',
    ].join('\r\n'),
    senderName: sender.name === '' ? sender.address : sender.name,
    linkDays: options.linkDays,
  }
  if (oneLine(composed.subject(sample)) === '') throw new TemplateError('The subject of the mail template is empty.')
  return composed
}

/**
 * The whole mail for one person, ready for the mail server, in ASCII: the same input gives the same bytes. Throws where `to` is
 * not exactly one sendable address or `messageId` is not one in angle brackets; names may be anything.
 */
export function composeMail(composed: ComposedTemplate, input: MailInput): string {
  if (!isSendable(input.to)) throw new Error('The address of a mail is not one that checkAddress gave.')
  if (!/^<[!-;=?-~]+@[!-;=?-~]+>$/.test(input.messageId)) throw new Error('A Message-ID stands in angle brackets.')
  const slots: Slots = {
    firstName: oneLine(input.firstName),
    lastName: oneLine(input.lastName),
    company: oneLine(input.company ?? ''),
    email: input.to,
    link: input.link,
    linkDays: composed.linkDays,
    senderName: composed.senderName,
  }
  // Neither encoding has "=_", so no line of a part can be mistaken for the boundary.
  const boundary = `=_${hash('sha256', input.messageId).slice(0, 32)}`
  const lines = [
    composed.fixedHeaders,
    `To: ${input.to}`,
    textHeader('Subject', oneLine(composed.subject(slots))),
    `Date: ${input.date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${input.messageId}`,
    'Content-Type: multipart/alternative;',
    ` boundary="${boundary}"`,
    '',
    ...linesOf(composed.text, 'text/plain', boundary, slots),
    ...linesOf(composed.html, 'text/html', boundary, slots),
    `--${boundary}--`,
    '',
  ]
  return lines.join('\r\n')
}

function linesOf({ encoding, render }: Part, type: string, boundary: string, slots: Slots): string[] {
  return [
    `--${boundary}`,
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Transfer-Encoding: ${encoding}`,
    '',
    render(slots),
  ]
}

/** Quoted-printable encodes once what is the same in all mails; where most of that is not in ASCII, base64 is half as long. */
function part(liquid: Liquid, source: string, name: string): Part {
  const rendererIn = readTemplate(liquid, source, name)
  const render = rendererIn()
  const text = render(sample)
  if (quotedPrintable.text(text).length > base64Lines(text).length)
    return { encoding: 'base64', render: (slots) => base64Lines(render(slots)) }
  return { encoding: 'quoted-printable', render: rendererIn(quotedPrintable) }
}

/** What makes renderers of a template; without an encoding, of its text. Throws TemplateError. */
function readTemplate(liquid: Liquid, source: string, part: string): (encoding?: Encoding) => Renderer {
  let parsed: Template[]
  try {
    parsed = liquid.parse(source)
    // A slot that there is not would be an empty place in every mail: it is refused while somebody is looking.
    liquid.renderSync(parsed, sample, { strictVariables: true })
  } catch (error) {
    throw new TemplateError(`The ${part} of the mail template cannot be used: ${(error as Error).message}`)
  }
  return (encoding) =>
    createRenderer(liquid, source, parsed, { escapes: liquid === escaping, ...(encoding && { encoding }) })
}

/** Line breaks, control and invisible formatting characters become spaces, and several spaces one. */
function oneLine(text: string): string {
  if (/^[!-~]+(?: [!-~]+)*$/.test(text)) return text
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
}

/** Lines of 76 characters (RFC 2045 section 6.8), of a text whose lines end with CRLF. */
function base64Lines(text: string): string {
  const encoded = Buffer.from(text, 'utf8').toString('base64')
  const lines: string[] = []
  for (let start = 0; start < encoded.length; start += 76) lines.push(encoded.slice(start, start + 76))
  return lines.join('\r\n')
}
