/** Where to go after the sign-in: a path of this app, never another address that somebody put into the link. */
export function safeNext(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/') || /^\/[\\/]/.test(next)) return '/leads'
  return next.startsWith('/sign-in') ? '/leads' : next
}
