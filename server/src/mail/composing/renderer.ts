import type { Liquid, Template } from 'liquidjs'

/** What the slots of a template are filled with for one person. */
export interface PersonSlots {
  firstName: string
  lastName: string
  company: string
  email: string
  link: string
}

/** What the slots of a template are filled with in all mails of a session. */
export interface SessionSlots {
  linkDays: number
  senderName: string
}

/** How a rendered text is written into the mail. */
export interface Encoding {
  /** Encodes a text whose lines end with CRLF. */
  text(text: string): string
  /** Joins two texts that were encoded on their own. */
  seam: string
}

const plainText: Encoding = { text: (text) => text, seam: '' }

/** Renders a part of the mail for one person, with CRLF at the ends of lines. */
export type Renderer = (person: PersonSlots) => string

export interface RendererOptions {
  session: SessionSlots
  /** True when Liquid escapes values for HTML. */
  escapes: boolean
  encoding?: Encoding
}

const personSlots = ['firstName', 'lastName', 'company', 'email', 'link'] as const
/** Control characters that no template has on purpose; being of one byte each, they keep V8 from making the whole text two bytes wide. */
const [markStart, markEnd] = ['\u0001', '\u0002']
// oxlint-disable-next-line no-control-regex
const mark = /\u0001(\d)\u0002/

/**
 * Creates the renderer of a parsed template. Most templates only insert slots and ask which of them are empty: their mails
 * differ in nothing but the inserted values where the same slots are empty, so Liquid runs once for each combination of empty
 * slots, and a mail is joined from the encoded texts between the values. Any other template is rendered by Liquid for each mail.
 */
export function createRenderer(liquid: Liquid, source: string, parsed: Template[], options: RendererOptions): Renderer {
  const { session, escapes, encoding = plainText } = options
  const render: Renderer = (person) => withCrlf(String(liquid.renderSync(parsed, { ...session, ...person })))
  if (!onlyInsertsSlots(source) || session.senderName.includes(markStart))
    return (person) => encoding.text(render(person))

  const encodedValue = (value: string): string => encoding.text(escapes ? escapedAsByLiquid(value) : value)
  const piecesByEmptySlots = new Map<string, Piece[]>()
  return (person) => {
    const emptySlots = personSlots.filter((name) => person[name] === '').join()
    const pieces = piecesByEmptySlots.get(emptySlots) ?? piecesOf(render, person, encoding)
    piecesByEmptySlots.set(emptySlots, pieces)
    // A slot can stand in a template more than once, as the link does.
    const values: string[] = []
    let text = ''
    for (const piece of pieces) {
      const next = typeof piece === 'string' ? piece : (values[piece] ??= encodedValue(person[personSlots[piece]!]))
      if (next !== '') text += text === '' ? next : encoding.seam + next
    }
    return text
  }
}

/** A text that is already encoded, or the number of the slot whose value stands there. */
type Piece = string | number

function piecesOf(render: Renderer, person: PersonSlots, encoding: Encoding): Piece[] {
  const marked = { ...person }
  for (const [slot, name] of personSlots.entries())
    if (person[name] !== '') marked[name] = `${markStart}${slot}${markEnd}`
  // Splitting by a pattern with a group gives texts and slots in turn.
  return render(marked)
    .split(mark)
    .map((piece, index) => (index % 2 === 0 ? encoding.text(piece) : Number(piece)))
}

/**
 * Tells whether a template does nothing with a person's data but insert it and ask which of it is empty: then two people with
 * the same empty slots get the same text around their data.
 */
function onlyInsertsSlots(source: string): boolean {
  if (source.includes(markStart) || source.includes(markEnd)) return false
  const rest = source
    .replaceAll(/\{\{ *(?:firstName|lastName|company|email|link|linkDays|senderName) *\}\}/g, '')
    .replaceAll(/\{% *(?:if|elsif) +(?:firstName|lastName|company|email|link) *[!=]= *(?:""|''|empty) *%\}/g, '')
    .replaceAll(/\{% *(?:if|elsif) +linkDays *(?:[!=]=|[<>]=?) *\d+ *%\}/g, '')
    .replaceAll(/\{% *(?:else|endif) *%\}/g, '')
  return !/\{\{|\{%/.test(rest)
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

function escapedAsByLiquid(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

function withCrlf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n')
}
