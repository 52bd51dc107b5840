/** The token in the path of an activation link, `/activate/TOKEN`; what cannot be decoded is given as it is, and the server refuses it. */
export function tokenOf(path: string): string {
  const segment = path.split('/')[2] ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
