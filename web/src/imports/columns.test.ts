import { expect, test } from 'vitest'
import { columnOrder } from './columns.ts'

const headers = ['Id', 'Company', 'Surname', 'Mail']

test('Mapped columns come first, the e-mail first of all, and the others as in the file', () => {
  const order = columnOrder(headers, { company: 'Company', lastName: 'Surname', email: 'Mail' })
  expect(order.map((column) => headers[column])).toEqual(['Mail', 'Surname', 'Company', 'Id'])
})

test('Without a mapping the columns stay as in the file', () => {
  expect(columnOrder(headers, {})).toEqual([0, 1, 2, 3])
})

test('A column that is mapped twice, or is not in the file, is shown once or not at all', () => {
  expect(columnOrder(headers, { email: 'Mail', notes: 'Mail', phone: 'Telephone' })).toEqual([3, 0, 1, 2])
})
