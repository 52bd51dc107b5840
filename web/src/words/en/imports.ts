import { formatCount } from '../numbers.ts'
import { bytes, counts } from './quantities.ts'

export const imports = {
  title: 'Import leads',
  purpose: 'A CSV file with one lead a row. A second row with the same address updates the first.',
  anotherFile: 'Another file',
  send: 'Import',
  close: 'Close',
  show: 'Show the imported leads',
  tooLarge: (name: string, size: number, most: number) =>
    `${name} has ${bytes(size)}; at most ${bytes(most)} can be imported at once.`,
  choose: {
    title: 'Choose a CSV file, or drop it here',
    reading: 'Reading the columns…',
    format: 'Commas, semicolons or tabs; one column must hold the e-mail addresses.',
    file: 'CSV file',
  },
  columns: {
    rows: 'The first rows of the file',
    importedAs: (field: string) => `→ ${field}`,
    notImported: 'not imported',
    noEmail: 'No column was recognised as e-mail addresses. Choose the one that holds them.',
    change: 'Change which column is what',
    title: 'Which column is what',
    notInFile: 'Not in the file',
  },
  sending: {
    label: 'Upload',
    sent: (percent: number) => `${percent}% sent`,
    reading: 'The file is there; Rollcall reads its rows…',
  },
  result: {
    rows: (count: number) => `${counts.row(count)} read.`,
    counts: { created: 'created', updated: 'updated', unchanged: 'unchanged', rejected: 'rejected' },
    rejected: 'Rejected rows',
    download: (count: number) => `All ${formatCount(count)} as CSV`,
    columns: { line: 'Line', why: 'Why', value: 'Value' },
  },
}
