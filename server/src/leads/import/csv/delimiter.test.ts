import { describe, expect, it } from 'vitest'
import { readCsv } from '../../../../test/app/csv.ts'

describe('delimiters', () => {
  it.each([',', ';', '\t'])('finds %j', async (delimiter) => {
    const { format, cells } = await readCsv(`Email${delimiter}Name\na@example.com${delimiter}Ada\n`)
    expect(format.delimiter).toBe(delimiter)
    expect(cells).toEqual([['a@example.com', 'Ada']])
  })

  it('is not misled by other delimiters in quotes or in text', async () => {
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

  it('prefers what the rows have as often as the header', async () => {
    const { format } = await readCsv('Email,Last; first\na@example.com,Lovelace\nb@example.com,Hopper\n')
    expect(format.delimiter).toBe(',')
  })

  it.each(['sep=;', '"sep=;"'])('takes the word of a first line %s', async (line) => {
    const { headers, rows } = await readCsv(`${line}\r\nEmail;Name, Title, Rank\r\na@example.com;Ada\r\n`)
    expect(headers).toEqual(['Email', 'Name, Title, Rank'])
    expect(rows).toEqual([{ line: 3, cells: ['a@example.com', 'Ada'] }])
  })

  it('keeps empty cells between tabs', async () => {
    const { cells } = await readCsv('Email\tName\tCompany\na@example.com\t\tAcme\n\t\tAcme\n')
    expect(cells).toEqual([
      ['a@example.com', '', 'Acme'],
      ['', '', 'Acme'],
    ])
  })

  it('reads a file with a single column', async () => {
    const { headers, cells } = await readCsv('Email\na@example.com\nb@example.com')
    expect(headers).toEqual(['Email'])
    expect(cells).toEqual([['a@example.com'], ['b@example.com']])
  })
})
