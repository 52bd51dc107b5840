import type { Liquid, Template } from 'liquidjs'

/** What the slots of a mail's parts are filled with. */
export interface Slots {
  firstName: string
  lastName: string
  company: string
  email: string
  link: string
  linkDays: number
  senderName: string
}

/** How what is rendered is written into the mail. */
export interface Encoding {
  /** A text whose lines end with CRLF. */
  text(text: string): string
  /** Stands between two texts that were encoded apart. */
  seam: string
}

const asItIs: Encoding = { text: (text) => text, seam: '' }

/** Gives a part of the mail for one person, with CRLF at the ends of lines. */
export type Renderer = (slots: Slots) => string

/** Slots with a text of each person's own; the others are the same for all mails of a template. */
const personal = ['firstName', 'lastName', 'company', 'email', 'link'] as const
/** Of private use, so no template has them by chance. */
const open = '\uE000'
const close = '\uE001'
const mark = new RegExp(`${open}(\\d)${close}`, 'u')

/**
 * A renderer of a template that was parsed. Of a template that only puts slots in and asks which are empty, what Liquid
 * makes is kept for each combination of empty slots, so that a mail costs no more than joining texts; any other template
 * is rendered anew for each mail.
 */
export function createRenderer(
  liquid: Liquid,
  source: string,
  parsed: Template[],
  options: { escapes: boolean; encoding?: Encoding },
): Renderer {
  const { escapes, encoding = asItIs } = options
  const render: Renderer = (slots) => withCrlf(String(liquid.renderSync(parsed, slots)))
  const encoded: Renderer = (slots) => encoding.text(render(slots))
  if (!onlyFillsSlots(source)) return encoded
  const kept = new Map<number, { linkDays: number; senderName: string; pieces: Piece[] }>()
  return (slots) => {
    const { linkDays, senderName } = slots
    if (senderName.includes(open)) return encoded(slots)
    // One bit a slot.
    const filled = personal.reduce((bits, name) => bits * 2 + (slots[name] === '' ? 0 : 1), 0)
    let known = kept.get(filled)
    if (known?.linkDays !== linkDays || known.senderName !== senderName) {
      known = { linkDays, senderName, pieces: piecesOf(render, slots, encoding) }
      kept.set(filled, known)
    }
    return joined(known.pieces, slots, { escapes, encoding })
  }
}

/** A text that is encoded, or which personal slot stands there. */
type Piece = string | number

function piecesOf(render: Renderer, slots: Slots, encoding: Encoding): Piece[] {
  const marked = { ...slots }
  for (const [index, name] of personal.entries()) marked[name] = slots[name] === '' ? '' : `${open}${index}${close}`
  return render(marked)
    .split(mark)
    .map((piece, place) => (place % 2 === 0 ? narrow(encoding.text(piece)) : Number(piece)))
}

/**
 * The same text in one byte a character where that is possible. V8 keeps a part of a text as wide as the whole was, and
 * a mail with one wide part becomes wide as a whole: it is copied, searched and written at twice the cost.
 */
function narrow(text: string): string {
  return /^[\0-\xFF]*$/.test(text) ? Buffer.from(text, 'latin1').toString('latin1') : text
}

function joined(
  pieces: readonly Piece[],
  slots: Slots,
  { escapes, encoding }: { escapes: boolean; encoding: Encoding },
): string {
  const values: string[] = []
  let text = ''
  for (const piece of pieces) {
    const next = typeof piece === 'string' ? piece : (values[piece] ??= valueOf(personal[piece]!))
    if (next !== '') text += text === '' ? next : encoding.seam + next
  }
  return text

  function valueOf(name: (typeof personal)[number]): string {
    return encoding.text(escapes ? escaped(slots[name]) : slots[name])
  }
}

/**
 * True when nothing of a person's data matters to the template but what is put in and which of it is empty: then two people
 * with the same slots empty get the same text around what is theirs.
 */
function onlyFillsSlots(source: string): boolean {
  if (source.includes(open) || source.includes(close)) return false
  const rest = source
    .replaceAll(/\{\{ *(?:firstName|lastName|company|email|link|linkDays|senderName) *\}\}/g, '')
    .replaceAll(/\{% *(?:if|elsif) +(?:firstName|lastName|company|email|link) *[!=]= *(?:""|''|empty) *%\}/g, '')
    .replaceAll(/\{% *(?:if|elsif) +linkDays *(?:[!=]=|[<>]=?) *\d+ *%\}/g, '')
    .replaceAll(/\{% *(?:else|endif) *%\}/g, '')
  return !/\{\{|\{%/.test(rest)
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

/** As Liquid escapes. */
function escaped(text: string): string {
  if (!/[&<>"']/.test(text)) return text
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

function withCrlf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n')
}
