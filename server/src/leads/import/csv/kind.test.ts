import { expect, it } from 'vitest'
import { refusalOf } from '../../../../test/app/csv.ts'

/** Files that are no CSV: the kind of each, its content, and what the sentence of the refusal says. */
const otherFiles: [string, Buffer | string, RegExp][] = [
  ['nothing', '', /empty/],
  ['only a byte order mark', '\ufeff', /empty/],
  ['only white space', ' \r\n\n\t\n', /empty/],
  ['only delimiters', ',,,\n,,,\n', /empty/],
  ['an Excel workbook', Buffer.from('PK\x03\x04\x14\x00\x06\x00[Content_Types].xml', 'latin1'), /Excel workbook/],
  ['a zip archive', Buffer.from('PK\x03\x04\x14\x00\x06\x00leads.csv', 'latin1'), /zip archive/],
  ['an old Excel workbook', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1]), /old Excel workbook/],
  ['a compressed file', Buffer.from([0x1f, 0x8b, 8, 0]), /compressed/],
  ['a PDF', '%PDF-1.7\n%âãÏÓ\n', /PDF/],
  ['a web page', '\n<!DOCTYPE html><html><body>Sign in</body></html>', /web page/],
  ['XML', '<?xml version="1.0"?><leads/>', /XML/],
  ['JSON', '[\n  {"email": "a@example.com"}\n]', /JSON/],
  ['a JSON object', '{"leads": []}', /JSON/],
  ['binary data', Buffer.from(Array.from({ length: 4000 }, (_, at) => (at * 7919) % 256)), /not a text file/],
  ['a file cut off in a quoted cell', 'Email,Notes\na@example.com,x\n\nb@example.com,"Once upon', /cut off.*line 4/],
  ['a row that never ends', `Email,Notes\na@example.com,"${'x,y\n'.repeat(1_200_000)}`, /line 2 does not end/],
]

it('A file that is no CSV is refused with a sentence that says what it is', async () => {
  for (const [name, input, sentence] of otherFiles) expect(await refusalOf(input), name).toMatch(sentence)
})
