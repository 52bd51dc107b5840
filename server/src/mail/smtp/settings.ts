import type { SmtpSettings } from './types.ts'

const defaultConnections = 10
const maximumConnections = 100
const switches = ['requireTLS', 'ignoreTLS', 'rejectUnauthorized'] as const

export type ParsedSmtpUrl = { ok: true; settings: SmtpSettings } | { ok: false; problem: string }

/**
 * Reads `smtp://user:password@host:587?connections=10` or `smtps://…`. `problem` goes on after the name of the variable
 * and never repeats the password. Ports: 587 for smtp, 465 for smtps. Switches: `requireTLS`, `ignoreTLS`, `rejectUnauthorized=false`.
 */
export function parseSmtpUrl(text: string): ParsedSmtpUrl {
  const url = URL.parse(text.trim())
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '') {
    return problem('must be an address like smtp://user:password@mail.example.com:587 or smtps://mail.example.com.')
  }
  if (!['', '/'].includes(url.pathname) || url.hash !== '')
    return problem('must have nothing after the host but ?options.')
  const known: readonly string[] = ['connections', ...switches]
  const unknown = [...url.searchParams.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) return problem(`has the unknown option "${unknown}"; it may have ${known.join(', ')}.`)

  const connections = connectionsOf(url.searchParams.get('connections'))
  if (connections === null) {
    return problem(`has a wrong number of connections; it must be a whole number from 1 to ${maximumConnections}.`)
  }
  const [requireTls, ignoreTls, rejectUnauthorized] = switches.map((name) =>
    switchOf(url.searchParams.get(name), name === 'rejectUnauthorized'),
  )
  if (requireTls === undefined || ignoreTls === undefined || rejectUnauthorized === undefined) {
    return problem(`has a wrong switch; ${switches.join(', ')} may be true or false.`)
  }
  if (requireTls && ignoreTls) return problem('has both requireTLS and ignoreTLS; it may have one of them.')

  const user = decoded(url.username)
  const password = decoded(url.password)
  if (user === null || password === null) return problem('has a % in user or password that must be written as %25.')
  if ((user === '') !== (password === '')) return problem('must have both a user and a password, or neither.')
  const secure = url.protocol === 'smtps:'
  return {
    ok: true,
    settings: {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
      secure,
      user: user === '' ? null : user,
      password: password === '' ? null : password,
      connections,
      requireTls,
      ignoreTls,
      rejectUnauthorized,
    },
  }
}

function problem(sentence: string): { ok: false; problem: string } {
  return { ok: false, problem: sentence }
}

function connectionsOf(value: string | null): number | null {
  if (value === null) return defaultConnections
  const number = Number(value)
  return /^\d{1,3}$/.test(value) && number >= 1 && number <= maximumConnections ? number : null
}

/** A switch without a value is on; undefined where the value is neither. */
function switchOf(value: string | null, fallback: boolean): boolean | undefined {
  if (value === null) return fallback
  if (['', 'true', '1'].includes(value)) return true
  return ['false', '0'].includes(value) ? false : undefined
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
