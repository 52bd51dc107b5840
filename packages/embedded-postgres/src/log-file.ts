import { copyFile, readFile, stat, truncate } from 'node:fs/promises'

/** Returns the size of a file in bytes; 0 where there is none. */
export async function sizeOf(logFile: string): Promise<number> {
  return (await stat(logFile).catch(() => null))?.size ?? 0
}

/** Returns the text that was written to the log since it had `start` bytes. */
export async function readLogSince(logFile: string, start: number): Promise<string> {
  return (await readFile(logFile)).subarray(start).toString().trim()
}

/** Returns the end of a log, for an error message. */
export function lastLines(log: string): string {
  return log.split('\n').slice(-15).join('\n') || 'PostgreSQL wrote nothing about it.'
}

/**
 * Keeps the log under `maximumBytes` by moving its content to a second file (`.1`) that replaces the one before.
 * PostgreSQL appends to the file it has open, so it goes on in the emptied one.
 */
export async function rotateLog(logFile: string, maximumBytes: number): Promise<void> {
  if ((await sizeOf(logFile)) <= maximumBytes) return
  await copyFile(logFile, `${logFile}.1`)
  await truncate(logFile)
}
