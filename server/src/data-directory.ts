import { randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { ConfigError, quoted, shortestSecret } from './config.ts'

/**
 * Makes the data directory with the folders above it where it is missing, and tries whether something can be put into it.
 *
 * @throws ConfigError where it cannot be used
 */
export function prepareDataDirectory(folder: string): void {
  try {
    makeFolder(folder)
    rmdirSync(mkdtempSync(path.join(folder, 'try-')))
  } catch (error) {
    throw unusable(error)
  }
}

/**
 * The secret of this installation: 32 random bytes in base64url, made at the first start and kept in the data directory for
 * its owner alone to read. However many processes start at once, all of them get the same secret, and a process that dies
 * leaves either the whole file or none.
 *
 * @throws ConfigError where the directory cannot be used, or the file is damaged
 */
export function storedSecret(dataDirectory: string): string {
  const file = path.join(dataDirectory, 'secret')
  try {
    if (!existsSync(file)) createSecret(file)
    const stored = readFileSync(file, 'utf8').trim()
    if (stored.length >= shortestSecret) return stored
  } catch (error) {
    throw unusable(error)
  }
  throw new ConfigError(`DATA_DIR has a damaged file ${quoted(file)}; put the secret back, or remove the file.`)
}

/** Writes the secret under another name and links it to its own, which succeeds for the first process only. */
function createSecret(file: string): void {
  const fresh = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(fresh, file)
  } catch (error) {
    // Another process of the same installation was faster in this moment, and its secret counts.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(fresh)
  }
}

/**
 * Makes a folder and those above it. Node's own recursive `mkdir` is not used, because it never ends below a folder that exists and
 * takes no new entries, such as /proc.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(path.dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process may have made the folder in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function unusable(error: unknown): ConfigError {
  return new ConfigError(
    `DATA_DIR cannot be used (${(error as Error).message}); it must be a folder that Rollcall may write.`,
  )
}
