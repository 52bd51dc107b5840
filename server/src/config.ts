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
import { isIP } from 'node:net'
import path from 'node:path'
import { parseSender } from './mail/address.ts'
import type { SmtpSettings } from './mail/smtp/types.ts'
import { parseSmtpUrl } from './mail/smtp/settings.ts'

/** Everything Rollcall is told from outside, checked. Only this file reads the environment. */
export interface Config {
  host: string
  port: number
  /** What links in mails begin with, and the allowed `Origin`; without a slash at the end. */
  publicUrl: string
  /** Addresses and networks of the proxies in front of it, whose `X-Forwarded-For` is believed. */
  trustedProxies: string[]
  databaseUrl: string | null
  /** Absolute. */
  dataDirectory: string
  /** Null: mail goes to the built-in mailbox. */
  smtp: SmtpSettings | null
  mailFrom: string
  adminEmail: string
  adminPassword: string | null
  secret: string
  mode: 'all' | 'api' | 'worker'
  redisUrl: string | null
  logLevel: LogLevel
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** A wrong variable: the message names it and says what it may be, on one line. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const shortestSecret = 32

type Environment = Record<string, string | undefined>

/**
 * Reads and checks the environment.
 * Throws ConfigError for the first variable that is wrong. Generates and stores a secret where none is given.
 */
export function readConfig(environment: Environment): Config {
  const host = hostName(given(environment, 'HOST') ?? '127.0.0.1')
  const port = portNumber(given(environment, 'PORT') ?? '3000')
  const { databaseUrl, dataDirectory } = readDatabaseConfig(environment)
  const smtpUrl = given(environment, 'SMTP_URL')
  const smtp = smtpUrl === null ? null : smtpSettings(smtpUrl)
  return {
    host,
    port,
    publicUrl: publicAddress(given(environment, 'PUBLIC_URL') ?? `http://localhost:${port}`),
    trustedProxies: proxies(given(environment, 'TRUSTED_PROXIES') ?? 'loopback'),
    databaseUrl,
    smtp,
    mailFrom: sender(given(environment, 'MAIL_FROM') ?? 'Rollcall <no-reply@localhost>'),
    adminEmail: adminAddress(given(environment, 'ADMIN_EMAIL') ?? 'admin@rollcall.localhost'),
    adminPassword: adminPassword(given(environment, 'ADMIN_PASSWORD')),
    mode: word(environment, 'MODE', ['all', 'api', 'worker'], 'all'),
    redisUrl: redisAddress(urlOf(environment, 'REDIS_URL', ['redis:', 'rediss:'])),
    logLevel: word(environment, 'LOG_LEVEL', logLevels, 'info'),
    // At last: what is refused above leaves no folder behind.
    secret: secret(given(environment, 'SECRET'), environment, dataDirectory),
    dataDirectory: writableFolder(dataDirectory),
  }
}

/** Where the database is: what a command needs that only looks at it. Generates nothing. Throws ConfigError. */
export function readDatabaseConfig(environment: Environment): Pick<Config, 'databaseUrl' | 'dataDirectory'> {
  return {
    databaseUrl: urlOf(environment, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    dataDirectory: path.resolve(given(environment, 'DATA_DIR') ?? '.data'),
  }
}

/** An SMTP address as settings. Throws ConfigError in the name of SMTP_URL. */
export function smtpSettings(url: string): SmtpSettings {
  const parsed = parseSmtpUrl(url)
  if (!parsed.ok) throw new ConfigError(`SMTP_URL ${parsed.problem}`)
  return parsed.settings
}

function given(environment: Environment, name: string): string | null {
  const value = environment[name]?.trim()
  return value === undefined || value === '' ? null : value
}

function word<const Words extends readonly string[]>(
  environment: Environment,
  name: string,
  words: Words,
  fallback: Words[number],
): Words[number] {
  const value = given(environment, name) ?? fallback
  if (!words.includes(value))
    throw new ConfigError(`${name} is ${quoted(value)}; it may be one of ${words.join(', ')}.`)
  return value
}

/** On one line, whatever is in it. */
function quoted(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
}

function hostName(value: string): string {
  if (isIP(value) === 0 && !/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/i.test(value))
    throw new ConfigError(`HOST is ${quoted(value)}; it must be an IP address or a host name, such as 0.0.0.0.`)
  return value
}

function portNumber(value: string): number {
  const port = Number(value)
  if (!/^\d{1,5}$/.test(value) || port < 1 || port > 65_535)
    throw new ConfigError(`PORT is ${quoted(value)}; it must be a whole number from 1 to 65535.`)
  return port
}

function publicAddress(value: string): string {
  const url = URL.parse(value)
  if (url !== null && (url.username !== '' || url.password !== ''))
    throw new ConfigError('PUBLIC_URL has a user or a password; it must be an address such as https://crm.example.com.')
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '')
    throw new ConfigError(
      `PUBLIC_URL is ${quoted(value)}; it must be an http:// or https:// address such as https://crm.example.com.`,
    )
  if (url.pathname !== '/')
    throw new ConfigError(`PUBLIC_URL is ${quoted(value)}; it must have no path, such as https://crm.example.com.`)
  return url.origin
}

/** Ranges that have a name: this machine, and the addresses of private networks. */
const proxyRanges = ['loopback', 'linklocal', 'uniquelocal']

function proxies(value: string): string[] {
  const each = value.split(',').map((part) => part.trim())
  const wrong = each.find((part) => !proxyRanges.includes(part) && !isNetwork(part))
  if (wrong !== undefined)
    throw new ConfigError(
      `TRUSTED_PROXIES has ${quoted(wrong)}; it may be addresses, networks such as 10.0.0.0/8, and ${proxyRanges.join(', ')}, with commas between them.`,
    )
  return each
}

/** An address, or one with the length of its network's prefix. */
function isNetwork(text: string): boolean {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && (length === undefined || (Number(length) > 0 && Number(length) <= (family === 4 ? 32 : 128)))
}

/** The value of an address that may hold a password is never repeated in the message. */
function urlOf(environment: Environment, name: string, protocols: string[]): string | null {
  const value = given(environment, name)
  if (value === null) return null
  const url = URL.parse(value)
  if (url === null || !protocols.includes(url.protocol))
    throw new ConfigError(
      `${name} must be an address that begins with ${protocols.map((each) => `${each}//`).join(' or ')}.`,
    )
  return value
}

/** The value may hold a password, so it is not repeated. */
function redisAddress(value: string | null): string | null {
  if (value === null) return null
  const { hostname, pathname, username, password, search, hash } = new URL(value)
  const isComplete = hostname !== '' && /^(\/\d{0,5})?$/.test(pathname) && search === '' && hash === ''
  if (!isComplete || !isPercentEncoded(username + password))
    throw new ConfigError(
      'REDIS_URL must be like redis://user:password@cache.example.com:6379/0, or rediss:// for TLS, with special characters of the password percent-encoded.',
    )
  return value
}

function isPercentEncoded(value: string): boolean {
  try {
    decodeURIComponent(value)
    return true
  } catch {
    return false
  }
}

function sender(value: string): string {
  const checked = parseSender(value)
  if (!checked.ok)
    throw new ConfigError(
      `MAIL_FROM is not a sender: ${checked.reason}; it must be like "Rollcall <no-reply@example.com>".`,
    )
  return value
}

function adminAddress(value: string): string {
  if (!/^[^\s@]+@[^\s@.][^\s@]*\.[^\s@]*[^\s@.]$/.test(value) || value.length > 254)
    throw new ConfigError(`ADMIN_EMAIL is ${quoted(value)}; it must be an e-mail address such as admin@example.com.`)
  return value.toLowerCase()
}

function adminPassword(value: string | null): string | null {
  if (value !== null && (value.length < 10 || value.length > 128))
    throw new ConfigError('ADMIN_PASSWORD must be 10 to 128 characters long.')
  return value
}

function secret(value: string | null, environment: Environment, dataDirectory: string): string {
  if (value !== null) {
    if (value.length < shortestSecret)
      throw new ConfigError('SECRET is too short; it must be at least 32 random characters.')
    return value
  }
  if (environment.NODE_ENV === 'production')
    throw new ConfigError('SECRET is missing; in production it must be given: at least 32 random characters.')
  return storedSecret(dataDirectory)
}

/** The secret of this installation, made at the first start; whole or not there, however many processes start at once. */
function storedSecret(dataDirectory: string): string {
  const file = path.join(dataDirectory, 'secret')
  try {
    if (!existsSync(file)) {
      makeFolder(dataDirectory)
      const fresh = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
      writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx', flush: true })
      try {
        linkSync(fresh, file)
      } catch (error) {
        // Another process of the same installation was faster in this moment; then its secret counts.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      } finally {
        unlinkSync(fresh)
      }
    }
    const stored = readFileSync(file, 'utf8').trim()
    if (stored.length >= shortestSecret) return stored
  } catch (error) {
    throw unusableFolder(error)
  }
  throw new ConfigError(`DATA_DIR has a damaged file ${quoted(file)}; put the secret back, or remove the file.`)
}

/** Makes the folder where it is missing, and tries whether something can be put into it. */
function writableFolder(folder: string): string {
  try {
    makeFolder(folder)
    rmdirSync(mkdtempSync(path.join(folder, 'try-')))
    return folder
  } catch (error) {
    throw unusableFolder(error)
  }
}

/** With the folders above it. The recursion of `mkdir` itself never ends below a folder that is there and takes none, such as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(path.dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process may have made it in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function unusableFolder(error: unknown): ConfigError {
  return new ConfigError(
    `DATA_DIR cannot be used (${(error as Error).message}); it must be a folder that Rollcall may write.`,
  )
}
