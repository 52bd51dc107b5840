import { unreadable } from './unreadable.ts'

const saveAsCsv = 'Open it, save it as “CSV UTF-8”, and choose that file.'

/** The first bytes of files that people choose by mistake, each with the sentence that refuses it. */
const signatures: { bytes: number[]; msg: string }[] = [
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], msg: `This is an old Excel workbook (.xls), not a CSV file. ${saveAsCsv}` },
  { bytes: [0x1f, 0x8b], msg: 'This is a compressed file. Unpack it and choose the CSV file inside.' },
  {
    bytes: [0x25, 0x50, 0x44, 0x46],
    msg: 'This is a PDF, not a CSV file. Choose the CSV file that your CRM exported.',
  },
  {
    bytes: [0x89, 0x50, 0x4e, 0x47],
    msg: 'This is a picture, not a CSV file. Choose the CSV file that your CRM exported.',
  },
  { bytes: [0xff, 0xd8, 0xff], msg: 'This is a picture, not a CSV file. Choose the CSV file that your CRM exported.' },
]
const zip = [0x50, 0x4b, 0x03, 0x04]

/** Throws IMPORT_UNREADABLE where the first bytes of a file are those of another kind of file than text. */
export function refuseOtherFiles(head: Buffer): void {
  if (head.length === 0) throw unreadable('The file is empty. Choose the CSV file that your CRM exported.')
  if (startsWith(head, zip)) {
    const workbook = head.includes('[Content_Types].xml') || head.includes('xl/')
    throw unreadable(
      workbook
        ? `This is an Excel workbook, not a CSV file. ${saveAsCsv}`
        : 'This is a zip archive. Unpack it and choose the CSV file inside.',
    )
  }
  const known = signatures.find(({ bytes }) => startsWith(head, bytes))
  if (known !== undefined) throw unreadable(known.msg)
}

/** Throws IMPORT_UNREADABLE for text that is no CSV: only white space, markup, JSON, or more control characters than text has. */
export function refuseOtherText(text: string): void {
  const start = text.trimStart()
  if (start === '') throw unreadable('The file is empty. Choose the CSV file that your CRM exported.')
  if (/^<(!doctype|!--|html|head|body|table|div|meta)/i.test(start)) {
    throw unreadable(
      'This is a web page (HTML), not a CSV file. Perhaps the CRM asked to sign in instead of exporting: export again and choose the CSV file.',
    )
  }
  if (/^<\?xml/i.test(start)) throw unreadable('This is an XML file, not a CSV file. Export again as CSV.')
  if (/^[[{]\s*(["[{\]}]|$)/.test(start)) {
    throw unreadable('This is a JSON file, not a CSV file. Export again as CSV.')
  }
  if (controlCharacters(text) > text.length / 50) {
    throw unreadable('This is not a text file. Choose the CSV file that your CRM exported.')
  }
}

function startsWith(head: Buffer, bytes: number[]): boolean {
  return head.subarray(0, bytes.length).equals(Buffer.from(bytes))
}

function controlCharacters(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0c && code !== 0x0d) || code === 0x7f) count += 1
  }
  return count
}
