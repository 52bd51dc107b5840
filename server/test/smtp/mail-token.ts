/** Finds the token of the activation link in a mail as the server received it. Throws where there is none. */
export function tokenInMail(raw: Buffer): string {
  const token = /\/activate\/([\w-]{20,})/.exec(raw.toString('latin1').replaceAll('=\r\n', ''))?.[1]
  if (token === undefined) throw new Error('There is no link in this mail.')
  return token
}
