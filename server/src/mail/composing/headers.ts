import type { Sender } from '../smtp/types.ts'

/** An encoded word of so many bytes fits its line together with the name of the header (RFC 2047 section 2). */
const bytesOfAWord = 39
const longestPlainText = 60

/** Writes one header with a text in any script, folded; whatever the text is, it is never more than one header. */
export function textHeader(name: string, text: string): string {
  return `${name}: ${isPlain(text) ? text : encodedWords(text)}`
}

/** Writes one header with one address and a name in any script. */
export function addressHeader(name: string, sender: Sender): string {
  if (sender.name === '') return `${name}: ${sender.address}`
  const phrase = isPlain(sender.name)
    ? `"${sender.name.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`
    : encodedWords(sender.name)
  return `${name}: ${phrase}\r\n <${sender.address}>`
}

function isPlain(text: string): boolean {
  return text.length <= longestPlainText && /^[ -~]*$/.test(text) && !text.includes('=?')
}

/** Writes a text as base64 words of UTF-8, one a line; no character is cut in two (RFC 2047 section 5). */
function encodedWords(text: string): string {
  const words: string[] = []
  let word = ''
  let bytes = 0
  for (const character of text.toWellFormed()) {
    const size = Buffer.byteLength(character)
    if (bytes + size > bytesOfAWord) {
      words.push(word)
      word = ''
      bytes = 0
    }
    word += character
    bytes += size
  }
  words.push(word)
  return words.map((each) => `=?UTF-8?B?${Buffer.from(each).toString('base64')}?=`).join('\r\n ')
}
