import { describe, expect, it } from 'vitest'
import { encode, encodings, readCsv } from '../../../../test/app/csv.ts'

describe('encodings', () => {
  it('A file is read in every encoding, with and without a byte order mark', async () => {
    for (const [encoding, mark] of encodings) {
      const name = `${encoding} ${mark ? 'with' : 'without'} a byte order mark`
      const bytes = encode('Email,Name\r\na@example.com,Zoë Çelik 5 €\r\n', encoding, mark)
      const { format, headers, cells } = await readCsv(bytes, 3)
      expect(format, name).toMatchObject({ encoding, damaged: false })
      expect(headers, name).toEqual(['Email', 'Name'])
      expect(cells, name).toEqual([['a@example.com', 'Zoë Çelik 5 €']])
    }
  })

  it('UTF-16 without a byte order mark is read even when most letters are Chinese', async () => {
    const text = `邮箱,姓名\n${'a@example.com,欧阳娜娜欧阳娜娜\n'.repeat(50)}`
    for (const encoding of ['utf-16le', 'utf-16be'] as const) {
      const { format, cells } = await readCsv(encode(text, encoding, false))
      expect(format.encoding).toBe(encoding)
      expect(cells[49]).toEqual(['a@example.com', '欧阳娜娜欧阳娜娜'])
    }
  })

  it('Windows-1252 is found even when its first letter beyond ASCII comes after megabytes of ASCII', async () => {
    const plain = 'a@example.com,Ada\n'.repeat(150_000)
    const bytes = Buffer.concat([Buffer.from(`Email,Name\n${plain}b@example.com,`), Buffer.from([0xc9, 0x76, 0x61])])
    const { format, cells } = await readCsv(bytes, 65_536)
    expect(format).toMatchObject({ encoding: 'windows-1252', damaged: false })
    expect(cells.at(-1)).toEqual(['b@example.com', 'Éva'])
  })

  it('A file in UTF-8 with a few wrong bytes is read as UTF-8 and reported as damaged', async () => {
    const bytes = Buffer.concat([
      Buffer.from('Email,Name\na@example.com,Zoë\nb@example.com,Jürgen\nc@example.com,Z'),
      Buffer.from([0xff]),
      Buffer.from('\nd@example.com,René\n'),
    ])
    const { format, cells } = await readCsv(bytes)
    expect(format).toMatchObject({ encoding: 'utf-8', damaged: true })
    expect(cells.map((row) => row[1])).toEqual(['Zoë', 'Jürgen', 'Z\ufffd', 'René'])
  })

  it('A file in UTF-16 that ends in half a character is reported as damaged', async () => {
    const bytes = encode('Email,Name\na@example.com,Ada\n', 'utf-16le', true)
    const { format } = await readCsv(bytes.subarray(0, -1))
    expect(format).toMatchObject({ encoding: 'utf-16le', damaged: true })
  })
})
