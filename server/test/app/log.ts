import { pino, type Logger } from 'pino'

/** One line of a log. */
export interface LogLine {
  level: number
  msg: string
  err?: { stack?: string }
}

/** A logger that keeps everything, from debug on. */
export function keepLog(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) })
  return { logger, lines }
}

/** What somebody who looks after Rollcall would have to look at. */
export function troubles(lines: LogLine[]): LogLine[] {
  return lines.filter(({ level, err }) => level >= pino.levels.values.warn! || err?.stack !== undefined)
}
