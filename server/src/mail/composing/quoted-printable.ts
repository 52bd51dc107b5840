import { encodeQuotedPrintable, wrapQuotedPrintable } from '../../vendor/nodemailer.ts'
import type { Encoding } from './renderer.ts'

/** RFC 2045 section 6.7 allows lines of 76 characters, of which one is the `=` before a seam. */
const longestLine = 75

/**
 * Quoted-printable (RFC 2045 section 6.7): ASCII in lines of at most 76 characters. Texts that were encoded on their own are
 * joined by a soft line break, so that what is the same in all mails is encoded once.
 */
export const quotedPrintable: Encoding = {
  text(text) {
    // nodemailer leaves a carriage return alone as it is, which some mail servers take for a line break.
    return wrapQuotedPrintable(encodeQuotedPrintable(text).replaceAll(/\r(?!\n)/g, '=0D'), longestLine)
  },
  seam: '=\r\n',
}
