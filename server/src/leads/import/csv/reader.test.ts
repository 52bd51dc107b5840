import * as fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { encode, encodings, pieces, readCsv } from '../../../../test/app/csv.ts'
import type { CsvEncoding } from './encoding.ts'
import { completeRows, describeCsv, openCsv } from './reader.ts'
import { expectProperty } from '../../../../test/properties/expect-property.ts'

describe('rows', () => {
  const lineEnds = ['\n', '\r\n', '\r']

  it('Rows are read with every kind of line end, the last one also without an end', async () => {
    for (const end of lineEnds) {
      const { rows } = await readCsv(['Email,Name', 'a@example.com,Ada', 'b@example.com,Bo'].join(end), 1)
      expect(rows, JSON.stringify(end)).toEqual([
        { line: 2, cells: ['a@example.com', 'Ada'] },
        { line: 3, cells: ['b@example.com', 'Bo'] },
      ])
    }
  })

  it('Lines are counted past line breaks in cells and blank rows, with every kind of line end', async () => {
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
    for (const end of lineEnds) {
      const { rows } = await readCsv(lines.join(end) + end + end, 2)
      expect(
        rows.map((row) => row.line),
        JSON.stringify(end),
      ).toEqual([4, 9, 11])
      expect(rows[0]?.cells[1], JSON.stringify(end)).toBe(['one', 'two', '', 'three'].join(end))
    }
  })

  it('Lines are counted in a file that mixes line ends', async () => {
    const { rows } = await readCsv('Email\r\na@example.com\nb@example.com\rc@example.com\r\n')
    expect(rows).toEqual([
      { line: 2, cells: ['a@example.com'] },
      { line: 3, cells: ['b@example.com'] },
      { line: 4, cells: ['c@example.com'] },
    ])
  })

  it('Cells with quotes, doubled quotes and delimiters in quotes are read', async () => {
    const { cells } = await readCsv('Email,Notes,Company\na@example.com,"He said ""no, thanks""","Boyle, Lakin"\n')
    expect(cells).toEqual([['a@example.com', 'He said "no, thanks"', 'Boyle, Lakin']])
  })

  it('Quotes in a cell that are not doubled are kept', async () => {
    const { cells } = await readCsv('Email,Company\na@example.com,5" disks\nb@example.com,"The "Best" Inc"\n')
    expect(cells).toEqual([
      ['a@example.com', '5" disks'],
      ['b@example.com', '"The "Best" Inc"'],
    ])
  })

  it('Spaces before and after the quotes of a cell are removed', async () => {
    const { headers, cells } = await readCsv(
      '"Email" , "Full name" , Company\n"a@example.com" , "Hopper, Grace" , Navy\n',
    )
    expect(headers).toEqual(['Email', 'Full name', 'Company'])
    expect(cells.map((row) => row.map((cell) => cell.trim()))).toEqual([['a@example.com', 'Hopper, Grace', 'Navy']])
  })

  it('A short row is filled with empty cells, and the further cells of a long one are kept', async () => {
    const { cells } = await readCsv('Email,Name,Company\na@example.com\nb@example.com,Bo,Acme,extra,\n')
    expect(cells).toEqual([
      ['a@example.com', '', ''],
      ['b@example.com', 'Bo', 'Acme', 'extra', ''],
    ])
  })

  it('The export of a CRM with line breaks in its notes is read', async () => {
    const { headers, rows } = await readCsv(
      await readFile(new URL('../../../../test/fixtures/leads-sample.csv', import.meta.url)),
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
  it('Headers are trimmed, numbered where they are doubled, and named where they are empty', async () => {
    const { headers } = await readCsv(
      ' Email , First\nName,Email,,Email,Email (2)\na@example.com\n'.replace('First\n', 'First '),
    )
    expect(headers).toEqual(['Email', 'First Name', 'Email (2)', 'Column 4', 'Email (3)', 'Email (2) (2)'])
  })

  it('A line break in a header becomes a space', async () => {
    const { headers } = await readCsv('Email,"First\r\nname"\na@example.com,Ada\n')
    expect(headers).toEqual(['Email', 'First name'])
  })
})

describe('the beginning of a file', () => {
  it('The beginning of a file loses a last row whose quote is still open', () => {
    const beginning = Buffer.from('Email,Notes\na@example.com,"one\ntwo"\nb@example.com,"thr')
    expect(completeRows(beginning, 'utf-8', false).toString()).toBe('Email,Notes\na@example.com,"one\ntwo"\n')
  })

  it('The beginning of a file loses a last row that is known to be cut off, and keeps one that is not', () => {
    const beginning = Buffer.from('Email\na@example.com\nb@exam')
    expect(completeRows(beginning, 'utf-8', true).toString()).toBe('Email\na@example.com\n')
    expect(completeRows(beginning, 'utf-8', false).toString()).toBe('Email\na@example.com\nb@exam')
  })

  it('The beginning of a file that ends in the middle of a character is not reported as damaged', async () => {
    const bytes = Buffer.from('Email,Name\na@example.com,Zoë').subarray(0, -1)
    expect(await describeCsv(bytes, pieces(bytes), true)).toMatchObject({ encoding: 'utf-8', damaged: false })
  })
})

it('A file that is closed before its end closes its source', async () => {
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
  await expect.poll(() => closed, { timeout: 10_000 }).toBe(true)
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

  /** Writes a cell as an exporter does, in quotes wherever they could matter. */
  const quoted = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)

  it('A table is read as it was written, whatever its delimiter, line ends and encoding, and however its bytes arrive', async () => {
    await expectProperty(
      fc.asyncProperty(written, async ({ how, rows }) => {
        const header = Array.from({ length: how.width }, (_, column) => `header ${column}`)
        const lines = [header, ...rows].map((row) => row.map(quoted).join(how.delimiter))
        const text = lines.join(how.end) + (how.lastEnd ? how.end : '')
        // A text in Windows-1252 without a letter beyond ASCII may be taken for UTF-8, and its cells must be the same.
        const { cells, headers, rows: found } = await readCsv(encode(text, ...how.form), how.size)
        const visible = rows.filter((row) => row.some((cell) => cell.trim() !== ''))
        expect(headers).toEqual(header)
        expect(cells).toEqual(visible)
        const lineOf = text.split(/\r\n|\r|\n/)
        for (const row of found) {
          const firstLine = (row.cells[0] ?? '').split(/\r\n|\r|\n/)[0]?.replaceAll('"', '""') ?? ''
          expect(lineOf[row.line - 1]).toContain(firstLine)
        }
      }),
      { runs: 500 },
    )
  })
})
