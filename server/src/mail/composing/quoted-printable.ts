import { encode, wrap } from 'nodemailer/lib/qp'
import type { Encoding } from './renderer.ts'

/** RFC 2045 section 6.7 allows 76 characters in a line, of which one is the `=` before a seam. */
const longestLine = 75
/** What stands for itself, wherever it stands. */
const plain = /^[!-<>-~](?:[ -<>-~]*[!-<>-~])?$/
/** What may be broken anywhere as well, as the link of each mail. */
const unbroken = /^[!-<>-~]+$/
const fullLine = new RegExp(`.{${longestLine}}(?=.)`, 'g')
const softBreak = '=\r\n'

/**
 * Quoted-printable (RFC 2045 section 6.7): ASCII in lines of at most 76 characters. Two texts that were encoded apart are
 * joined by a soft line break, so what is the same in all mails is encoded once.
 */
export const quotedPrintable: Encoding = {
  text(text) {
    if (text.length <= longestLine && plain.test(text)) return text
    if (unbroken.test(text)) return text.replaceAll(fullLine, `$&${softBreak}`)
    // A carriage return alone would be a line break to some.
    return wrap(encode(text).replaceAll(/\r(?!\n)/g, '=0D'), longestLine)
  },
  seam: softBreak,
}
