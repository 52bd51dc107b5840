import type { Config } from './config.ts'

/** Writes the text that a person sees once everything runs: where Rollcall is, and the generated password, this one time. */
export function banner(
  config: Config,
  started: {
    firstStaff: { email: string; generatedPassword: string | null; created: boolean }
    embedded: { port: number } | null
    mailboxUrl: string | null
  },
): string {
  const { firstStaff, embedded, mailboxUrl } = started
  const listens = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}`
  const lines: [string, string][] = [
    ['Address', config.publicUrl === listens ? listens : `${config.publicUrl}  (listening on ${listens})`],
    ['E-mail', firstStaff.created ? firstStaff.email : 'as before'],
    ['Password', firstStaff.created ? (firstStaff.generatedPassword ?? 'the one in ADMIN_PASSWORD') : 'as before'],
    ['Data folder', config.dataDirectory],
    ['Database', embedded === null ? 'DATABASE_URL' : `embedded PostgreSQL on port ${embedded.port}`],
    [
      'Mail',
      mailboxUrl === null ? 'SMTP_URL' : `built-in mailbox at ${config.publicUrl}/mailbox; nobody outside gets any`,
    ],
  ]
  if (config.mode !== 'all') lines.unshift(['Mode', config.mode])
  if (firstStaff.generatedPassword !== null) lines.push(['', 'The password is shown only this once.'])
  const text = lines.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)
  return ['', '  Rollcall is running', '', ...text, ''].join('\n')
}
