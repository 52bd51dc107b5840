import { describe, expect, it } from 'vitest'
import { readCsv } from '../../../../test/app/csv.ts'

describe('delimiters', () => {
  it('A comma, a semicolon and a tab are found as delimiters', async () => {
    for (const delimiter of [',', ';', '\t']) {
      const { format, cells } = await readCsv(`Email${delimiter}Name\na@example.com${delimiter}Ada\n`)
      expect(format.delimiter).toBe(delimiter)
      expect(cells, JSON.stringify(delimiter)).toEqual([['a@example.com', 'Ada']])
    }
  })

  it('The detection of the delimiter is not misled by other delimiters in quotes or in text', async () => {
    const { format, headers, cells } = await readCsv(
      '"Notes; all, of them";Email\n"one, two, three; four";a@example.com\nfive, six;b@example.com\n',
    )
    expect(format.delimiter).toBe(';')
    expect(headers).toEqual(['Notes; all, of them', 'Email'])
    expect(cells).toEqual([
      ['one, two, three; four', 'a@example.com'],
      ['five, six', 'b@example.com'],
    ])
  })

  it('The delimiter is the character that rows have as often as the header', async () => {
    const { format } = await readCsv('Email,Last; first\na@example.com,Lovelace\nb@example.com,Hopper\n')
    expect(format.delimiter).toBe(',')
  })

  it('A first line that names the delimiter, with or without quotes, decides it and is no header', async () => {
    for (const line of ['sep=;', '"sep=;"']) {
      const { headers, rows } = await readCsv(`${line}\r\nEmail;Name, Title, Rank\r\na@example.com;Ada\r\n`)
      expect(headers, line).toEqual(['Email', 'Name, Title, Rank'])
      expect(rows, line).toEqual([{ line: 3, cells: ['a@example.com', 'Ada'] }])
    }
  })

  it('Empty cells between tabs are kept', async () => {
    const { cells } = await readCsv('Email\tName\tCompany\na@example.com\t\tAcme\n\t\tAcme\n')
    expect(cells).toEqual([
      ['a@example.com', '', 'Acme'],
      ['', '', 'Acme'],
    ])
  })

  it('A file with a single column is read without a delimiter', async () => {
    const { headers, cells } = await readCsv('Email\na@example.com\nb@example.com')
    expect(headers).toEqual(['Email'])
    expect(cells).toEqual([['a@example.com'], ['b@example.com']])
  })
})
