const versionName = Buffer.from('"version":')

/** Returns the version of the progress between two positions of these bytes; null where there is none. */
export function versionIn(bytes: Buffer, begin: number, end: number): number | null {
  const at = bytes.indexOf(versionName, begin)
  if (at === -1 || at > end) return null
  let version = 0
  for (let digit = at + versionName.length; ; digit += 1) {
    const value = (bytes[digit] ?? 0) - 0x30
    if (value < 0 || value > 9) return version
    version = version * 10 + value
  }
}
