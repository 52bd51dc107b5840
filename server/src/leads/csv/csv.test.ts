import * as fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../http/refusal.ts'
import type { CsvEncoding } from './encoding.ts'
import { completeRows, describeCsv, headBytes, openCsv, type CsvRow } from './reader.ts'

async function* pieces(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(input: Buffer | string, size?: number) {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input
  const format = await describeCsv(bytes.subarray(0, headBytes), pieces(bytes, size))
  const file = await openCsv(pieces(bytes, size), format)
  const rows: CsvRow[] = []
  for await (const row of file.rows) rows.push(row)
  return { format, headers: file.headers, rows, cells: rows.map((row) => row.cells) }
}

async function refusalOf(input: Buffer | string): Promise<string> {
  const error: unknown = await read(input).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(Refusal)
  const refusal = error as Refusal
  expect([refusal.status, refusal.code]).toEqual([422, 'IMPORT_UNREADABLE'])
  return refusal.message
}

function encode(text: string, encoding: CsvEncoding, mark: boolean): Buffer {
  const marked = mark ? `\ufeff${text}` : text
  if (encoding === 'utf-8') return Buffer.from(marked)
  if (encoding === 'windows-1252') return Buffer.from(text.replaceAll('€', '\x80'), 'latin1')
  const bytes = Buffer.from(marked, 'utf16le')
  return encoding === 'utf-16le' ? bytes : bytes.swap16()
}

const encodings: [CsvEncoding, boolean][] = [
  ['utf-8', false],
  ['utf-8', true],
  ['utf-16le', true],
  ['utf-16le', false],
  ['utf-16be', true],
  ['utf-16be', false],
  ['windows-1252', false],
]

describe('encodings', () => {
  it.each(encodings)('reads %s (byte order mark: %s)', async (encoding, mark) => {
    const bytes = encode('Email,Name\r\na@example.com,Zoë Çelik 5 €\r\n', encoding, mark)
    const { format, headers, cells } = await read(bytes, 3)
    expect(format).toMatchObject({ encoding, damaged: false })
    expect(headers).toEqual(['Email', 'Name'])
    expect(cells).toEqual([['a@example.com', 'Zoë Çelik 5 €']])
  })

  it('reads UTF-16 without a mark when most letters are Chinese', async () => {
    const text = `邮箱,姓名\n${'a@example.com,欧阳娜娜欧阳娜娜\n'.repeat(50)}`
    for (const encoding of ['utf-16le', 'utf-16be'] as const) {
      const { format, cells } = await read(encode(text, encoding, false))
      expect(format.encoding).toBe(encoding)
      expect(cells[49]).toEqual(['a@example.com', '欧阳娜娜欧阳娜娜'])
    }
  })

  it('finds Windows-1252 when its first letter beyond ASCII comes after megabytes of ASCII', async () => {
    const plain = 'a@example.com,Ada\n'.repeat(150_000)
    const bytes = Buffer.concat([Buffer.from(`Email,Name\n${plain}b@example.com,`), Buffer.from([0xc9, 0x76, 0x61])])
    const { format, cells } = await read(bytes, 65_536)
    expect(format).toMatchObject({ encoding: 'windows-1252', damaged: false })
    expect(cells.at(-1)).toEqual(['b@example.com', 'Éva'])
  })

  it('keeps to UTF-8 when a few bytes of it are wrong, and says that it is damaged', async () => {
    const bytes = Buffer.concat([
      Buffer.from('Email,Name\na@example.com,Zoë\nb@example.com,Jürgen\nc@example.com,Z'),
      Buffer.from([0xff]),
      Buffer.from('\nd@example.com,René\n'),
    ])
    const { format, cells } = await read(bytes)
    expect(format).toMatchObject({ encoding: 'utf-8', damaged: true })
    expect(cells.map((row) => row[1])).toEqual(['Zoë', 'Jürgen', 'Z\ufffd', 'René'])
  })

  it('says that UTF-16 with half a character is damaged', async () => {
    const bytes = encode('Email,Name\na@example.com,Ada\n', 'utf-16le', true)
    const { format } = await read(bytes.subarray(0, -1))
    expect(format).toMatchObject({ encoding: 'utf-16le', damaged: true })
  })
})

describe('delimiters', () => {
  it.each([',', ';', '\t'])('finds %j', async (delimiter) => {
    const { format, cells } = await read(`Email${delimiter}Name\na@example.com${delimiter}Ada\n`)
    expect(format.delimiter).toBe(delimiter)
    expect(cells).toEqual([['a@example.com', 'Ada']])
  })

  it('is not misled by other delimiters in quotes or in text', async () => {
    const { format, headers, cells } = await read(
      '"Notes; all, of them";Email\n"one, two, three; four";a@example.com\nfive, six;b@example.com\n',
    )
    expect(format.delimiter).toBe(';')
    expect(headers).toEqual(['Notes; all, of them', 'Email'])
    expect(cells).toEqual([
      ['one, two, three; four', 'a@example.com'],
      ['five, six', 'b@example.com'],
    ])
  })

  it('prefers what the rows have as often as the header', async () => {
    const { format } = await read('Email,Last; first\na@example.com,Lovelace\nb@example.com,Hopper\n')
    expect(format.delimiter).toBe(',')
  })

  it.each(['sep=;', '"sep=;"'])('takes the word of a first line %s', async (line) => {
    const { headers, rows } = await read(`${line}\r\nEmail;Name, Title, Rank\r\na@example.com;Ada\r\n`)
    expect(headers).toEqual(['Email', 'Name, Title, Rank'])
    expect(rows).toEqual([{ line: 3, cells: ['a@example.com', 'Ada'] }])
  })

  it('keeps empty cells between tabs', async () => {
    const { cells } = await read('Email\tName\tCompany\na@example.com\t\tAcme\n\t\tAcme\n')
    expect(cells).toEqual([
      ['a@example.com', '', 'Acme'],
      ['', '', 'Acme'],
    ])
  })

  it('reads a file with a single column', async () => {
    const { headers, cells } = await read('Email\na@example.com\nb@example.com')
    expect(headers).toEqual(['Email'])
    expect(cells).toEqual([['a@example.com'], ['b@example.com']])
  })
})

describe('rows', () => {
  it.each(['\n', '\r\n', '\r'])('reads rows that end in %j, the last one without an end', async (end) => {
    const { rows } = await read(['Email,Name', 'a@example.com,Ada', 'b@example.com,Bo'].join(end), 1)
    expect(rows).toEqual([
      { line: 2, cells: ['a@example.com', 'Ada'] },
      { line: 3, cells: ['b@example.com', 'Bo'] },
    ])
  })

  it.each(['\n', '\r\n', '\r'])('counts lines past breaks in cells and blank rows, with %j', async (end) => {
    const lines = [
      '',
      'Email,Notes',
      '',
      'a@example.com,"one',
      'two',
      '',
      'three"',
      '  ',
      'b@example.com,x',
      ',',
      'c@e.co,',
    ]
    const { rows } = await read(lines.join(end) + end + end, 2)
    expect(rows.map((row) => row.line)).toEqual([4, 9, 11])
    expect(rows[0]?.cells[1]).toBe(['one', 'two', '', 'three'].join(end))
  })

  it('counts the lines of a file that mixes line ends', async () => {
    const { rows } = await read('Email\r\na@example.com\nb@example.com\rc@example.com\r\n')
    expect(rows).toEqual([
      { line: 2, cells: ['a@example.com'] },
      { line: 3, cells: ['b@example.com'] },
      { line: 4, cells: ['c@example.com'] },
    ])
  })

  it('reads quotes, doubled quotes and delimiters in quotes', async () => {
    const { cells } = await read('Email,Notes,Company\na@example.com,"He said ""no, thanks""","Boyle, Lakin"\n')
    expect(cells).toEqual([['a@example.com', 'He said "no, thanks"', 'Boyle, Lakin']])
  })

  it('keeps quotes that somebody forgot to double', async () => {
    const { cells } = await read('Email,Company\na@example.com,5" disks\nb@example.com,"The "Best" Inc"\n')
    expect(cells).toEqual([
      ['a@example.com', '5" disks'],
      ['b@example.com', '"The "Best" Inc"'],
    ])
  })

  it('takes spaces around quotes away, before and after', async () => {
    const { headers, cells } = await read('"Email" , "Full name" , Company\n"a@example.com" , "Hopper, Grace" , Navy\n')
    expect(headers).toEqual(['Email', 'Full name', 'Company'])
    expect(cells.map((row) => row.map((cell) => cell.trim()))).toEqual([['a@example.com', 'Hopper, Grace', 'Navy']])
  })

  it('fills a short row with empty cells and keeps the cells of a long one', async () => {
    const { cells } = await read('Email,Name,Company\na@example.com\nb@example.com,Bo,Acme,extra,\n')
    expect(cells).toEqual([
      ['a@example.com', '', ''],
      ['b@example.com', 'Bo', 'Acme', 'extra', ''],
    ])
  })

  it('reads the sample of a CRM with line breaks in its notes', async () => {
    const { headers, rows } = await read(
      await readFile(new URL('../../../test/fixtures/leads-sample.csv', import.meta.url)),
      4096,
    )
    expect(headers).toHaveLength(14)
    expect(rows).toHaveLength(2000)
    expect(rows[6]).toMatchObject({ line: 8 })
    expect(rows[6]?.cells[13]).toContain('\nSecond line, with a comma and a "quote".')
    expect(rows[7]).toMatchObject({ line: 10 })
    expect(rows.every((row) => row.cells.length === 14)).toBe(true)
  })
})

describe('headers', () => {
  it('are trimmed, told apart where they are doubled, and named where they are empty', async () => {
    const { headers } = await read(
      ' Email , First\nName,Email,,Email,Email (2)\na@example.com\n'.replace('First\n', 'First '),
    )
    expect(headers).toEqual(['Email', 'First Name', 'Email (2)', 'Column 4', 'Email (3)', 'Email (2) (2)'])
  })

  it('lose their line breaks', async () => {
    const { headers } = await read('Email,"First\r\nname"\na@example.com,Ada\n')
    expect(headers).toEqual(['Email', 'First name'])
  })
})

describe('files that are something else', () => {
  it.each<[string, Buffer | string, RegExp]>([
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
  ])('refuses %s', async (_, input, sentence) => {
    expect(await refusalOf(input)).toMatch(sentence)
  })
})

describe('the beginning of a file', () => {
  it('loses a last row whose quote is still open', () => {
    const beginning = Buffer.from('Email,Notes\na@example.com,"one\ntwo"\nb@example.com,"thr')
    expect(completeRows(beginning, 'utf-8', false).toString()).toBe('Email,Notes\na@example.com,"one\ntwo"\n')
  })

  it('loses a last row that is known to be cut off, and keeps one that is not', () => {
    const beginning = Buffer.from('Email\na@example.com\nb@exam')
    expect(completeRows(beginning, 'utf-8', true).toString()).toBe('Email\na@example.com\n')
    expect(completeRows(beginning, 'utf-8', false).toString()).toBe('Email\na@example.com\nb@exam')
  })

  it('may end in the middle of a character', async () => {
    const bytes = Buffer.from('Email,Name\na@example.com,Zoë').subarray(0, -1)
    expect(await describeCsv(bytes, pieces(bytes), true)).toMatchObject({ encoding: 'utf-8', damaged: false })
  })
})

it('A file that is not read to its end gives its source back', async () => {
  let closed = false
  async function* source() {
    try {
      for (;;) yield Buffer.from('Email\na@example.com\n')
    } finally {
      closed = true
    }
  }
  const file = await openCsv(source(), { encoding: 'utf-8', damaged: false, delimiter: ',' })
  await file.close()
  await expect.poll(() => closed).toBe(true)
})

describe('any table', () => {
  const ascii = ['a', 'Z', '0', ' ', ',', ';', '@', '='].concat('\t', '"', '\n', '\r')
  const cellOf = (encoding: CsvEncoding) =>
    fc
      .array(
        fc.constantFrom(...ascii, ...(encoding === 'windows-1252' ? ['é', 'Ü', 'ÿ'] : ['é', 'Ж', '中', 'ا', '🙂'])),
        {
          maxLength: 12,
        },
      )
      .map((characters) => characters.join(''))

  const written = fc
    .record({
      form: fc.constantFrom(...encodings),
      delimiter: fc.constantFrom(',', ';', '\t'),
      end: fc.constantFrom('\n', '\r\n', '\r'),
      lastEnd: fc.boolean(),
      width: fc.integer({ min: 1, max: 5 }),
      size: fc.integer({ min: 1, max: 40 }),
    })
    .chain((how) =>
      fc.record({
        how: fc.constant(how),
        rows: fc.array(fc.array(cellOf(how.form[0]), { minLength: how.width, maxLength: how.width }), { maxLength: 8 }),
      }),
    )

  /** As an exporter writes it: quotes wherever they could matter. */
  const quoted = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)

  it('reads back equal, whatever its delimiter, line ends and encoding, and however its bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(written, async ({ how, rows }) => {
        const header = Array.from({ length: how.width }, (_, column) => `header ${column}`)
        const lines = [header, ...rows].map((row) => row.map(quoted).join(how.delimiter))
        const text = lines.join(how.end) + (how.lastEnd ? how.end : '')
        // Without a letter beyond ASCII, Windows-1252 is UTF-8 as well: the cells must be the same all the same.
        const { cells, headers, rows: found } = await read(encode(text, ...how.form), how.size)
        const visible = rows.filter((row) => row.some((cell) => cell.trim() !== ''))
        expect(headers).toEqual(header)
        expect(cells).toEqual(visible)
        const lineOf = text.split(/\r\n|\r|\n/)
        for (const row of found) {
          const firstLine = (row.cells[0] ?? '').split(/\r\n|\r|\n/)[0]?.replaceAll('"', '""') ?? ''
          expect(lineOf[row.line - 1]).toContain(firstLine)
        }
      }),
      { numRuns: 500 },
    )
  })
})
