import { is, Placeholder, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { QueryConfig } from 'pg'
import { expect } from 'vitest'
import type { Database, Queryable } from '../../src/db/database.ts'
import { preparedStatements } from '../../src/db/prepared.ts'

/** A statement as PostgreSQL gets it, and its parameters: the names of placeholders, or the values of the call. */
interface Statement {
  text: string
  parameters: readonly unknown[]
}

const dialect = new PgDialect()

/**
 * Compares all statements that `run` gives to its database with `<name>.sql.snap` beside the test. No database is needed:
 * every statement is recorded and answered with `rows`, and a transaction runs without BEGIN and COMMIT.
 */
export async function expectStatements(
  name: string,
  run: (database: Database) => Promise<unknown>,
  rows: readonly object[] = [],
): Promise<void> {
  const statements: Statement[] = []
  await run(recording(statements, rows))
  expect(statements, 'statements that were run').not.toEqual([])
  await expectFile(name, statements)
}

/** Compares a statement that no function runs alone, such as a condition, with `<name>.sql.snap` beside the test. */
export async function expectStatement(name: string, statement: SQL): Promise<void> {
  await expectFile(name, [statementOf(statement)])
}

/** Compares the statement that was prepared under this name with `<name>.sql.snap` beside the test. */
export async function expectPreparedStatement(name: string): Promise<void> {
  const prepared = preparedStatements.get(name)
  if (prepared === undefined) throw new Error(`No statement is prepared under the name ${name}.`)
  await expectFile(name, [prepared])
}

function expectFile(name: string, statements: readonly Statement[]): Promise<void> {
  return expect(statements.map(rendered).join('\n')).toMatchFileSnapshot(`${name}.sql.snap`)
}

function recording(statements: Statement[], rows: readonly object[]): Database {
  const answer = { rows }
  const database = {
    execute: (async (statement: SQL) => {
      statements.push(statementOf(statement))
      return answer
    }) as unknown as Queryable['execute'],
    $client: {
      query: async ({ name, text, values }: QueryConfig) => {
        statements.push({ text, parameters: preparedStatements.get(name ?? '')?.parameters ?? values ?? [] })
        return answer
      },
    },
    transaction: ((run) => run(database as never)) as Database['transaction'],
  }
  return database as unknown as Database
}

function statementOf(statement: SQL): Statement {
  const { sql: text, params } = dialect.sqlToQuery(statement)
  return { text, parameters: params }
}

/** Writes each parameter's name or value with its numbers, and then the statement. */
function rendered({ text, parameters }: Statement): string {
  const names = parameters.map((each) => (is(each, Placeholder) ? each.name : JSON.stringify(each)))
  const numbers = Map.groupBy(names.keys(), (index) => names[index])
  const lines = [...numbers].map(
    ([name, indexes]) => `-- ${indexes.map((index) => `$${index + 1}`).join(' ')}: ${name}`,
  )
  return `${[...lines, indented(text)].join('\n')};\n`
}

const longestLine = 120
/** A quoted text, a comment, or one character of anything else. */
const token = /'(?:[^']|'')*'|--[^\n]*|[\s\S]/g
const clauses =
  /^(?:[()]|--|(?:WITH|SELECT|FROM|JOIN|LEFT|CROSS|WHERE|GROUP|ORDER|LIMIT|OFFSET|FOR|UNION|INSERT|VALUES|ON|UPDATE|DELETE|RETURNING)\b|\w+ AS (?:MATERIALIZED )?\($)/
const breakable = /(?<=, )|(?<!BETWEEN \S+)(?= (?:AND|OR|WHEN|ELSE|FROM|WHERE|ORDER) )/g

/** Keeps the line breaks of the source, indents each line by the parentheses that are open, and breaks lines that are long. */
function indented(text: string): string {
  const lines: string[] = []
  let depth = 0
  for (const line of text.split('\n').map((each) => each.trim().replaceAll(/\s+/g, ' '))) {
    if (line === '') continue
    const closing = /^\)*/.exec(line)![0].length
    const indent = '  '.repeat(Math.max(0, depth - closing) + (clauses.test(line) ? 0 : 1))
    lines.push(...wrapped(line, indent, `${indent}${clauses.test(line) ? '  ' : ''}`))
    for (const [part] of line.matchAll(token)) depth += part === '(' ? 1 : part === ')' ? -1 : 0
  }
  return lines.join('\n')
}

/** Breaks a line that is too long; the lines after the first are indented by `nextIndent`. */
function wrapped(line: string, indent: string, nextIndent: string): string[] {
  const lines: string[] = []
  let rest = indent + line
  while (rest.length > longestLine && !line.startsWith('--')) {
    const start = rest.length - rest.trimStart().length
    const breaks = [...rest.matchAll(breakable)].map(({ index }) => index).filter((index) => index > start)
    const end = breaks.findLast((index) => index <= longestLine) ?? breaks[0]
    if (end === undefined) break
    lines.push(rest.slice(0, end).trimEnd())
    rest = nextIndent + rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
