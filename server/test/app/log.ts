import { pino, type Logger } from 'pino'

/** One line of a log. */
export interface LogLine {
  level: number
  msg: string
  err?: { stack?: string }
}

/** Creates a logger that keeps every line from the level debug on in `lines`. */
export function keepLog(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) })
  return { logger, lines }
}

/** Returns the lines that an operator would have to look at: warnings, and errors with a stack. */
export function troubles(lines: LogLine[]): LogLine[] {
  return lines.filter(({ level, err }) => level >= pino.levels.values.warn! || err?.stack !== undefined)
}
