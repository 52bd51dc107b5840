import { isIP } from 'node:net'
import path from 'node:path'
import { parseSender } from './mail/address.ts'
import type { SmtpSettings } from './mail/smtp/types.ts'
import { parseSmtpUrl } from './mail/smtp/settings.ts'

/** Everything that Rollcall is told from outside, checked. */
export interface Config {
  host: string
  port: number
  /** The beginning of links in mails, and the allowed `Origin`. It has no slash at the end. */
  publicUrl: string
  /** Addresses and networks of the proxies in front of Rollcall, whose `X-Forwarded-For` is believed. */
  trustedProxies: string[]
  /** Null: the embedded PostgreSQL is used. */
  databaseUrl: string | null
  /** An absolute path. */
  dataDirectory: string
  /** Null: mail goes to the built-in mailbox. */
  smtp: SmtpSettings | null
  mailFrom: string
  adminEmail: string
  /** Null: a password is generated for the first superadmin. */
  adminPassword: string | null
  /** Null: the secret is the one in the data directory. */
  secret: string | null
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

/** The fewest characters of a secret. */
export const shortestSecret = 32

type Environment = Record<string, string | undefined>

/**
 * Makes the configuration from environment variables. It reads and writes nothing else: folders and a generated secret are
 * made in `data-directory.ts`.
 *
 * @throws ConfigError for the first variable that is wrong
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
    secret: secret(given(environment, 'SECRET'), environment),
    dataDirectory,
  }
}

/**
 * Reads where the database is, which is all that a command needs that only looks into it.
 *
 * @throws ConfigError
 */
export function readDatabaseConfig(environment: Environment): Pick<Config, 'databaseUrl' | 'dataDirectory'> {
  return {
    databaseUrl: urlOf(environment, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    dataDirectory: path.resolve(given(environment, 'DATA_DIR') ?? '.data'),
  }
}

/**
 * Reads an SMTP URL.
 *
 * @throws ConfigError in the name of SMTP_URL
 */
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

/** Quotes a value for a message. The result is on one line and has at most about 100 characters. */
export function quoted(value: string): string {
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

/** The named ranges of addresses: this machine, and private networks. */
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

/** True for an IP address, also with the length of a network's prefix. */
function isNetwork(text: string): boolean {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && (length === undefined || (Number(length) > 0 && Number(length) <= (family === 4 ? 32 : 128)))
}

/** Checks a URL. The message never repeats its value, which may hold a password. */
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

/** Checks the parts of REDIS_URL. The message does not repeat its value, which may hold a password. */
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

function secret(value: string | null, environment: Environment): string | null {
  if (value !== null) {
    if (value.length < shortestSecret)
      throw new ConfigError('SECRET is too short; it must be at least 32 random characters.')
    return value
  }
  if (environment.NODE_ENV === 'production')
    throw new ConfigError('SECRET is missing; in production it must be given: at least 32 random characters.')
  return null
}
