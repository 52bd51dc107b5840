const pattern = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/i
const earliest = Date.parse('0001-01-01T00:00:00Z')
const latest = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * True for a text that PostgreSQL and JavaScript read as the same time: ISO 8601 with a zone (RFC 3339), on a day that
 * exists, in the years 1 to 9999, and no leap second.
 */
export function isTime(text: string): boolean {
  const day = pattern.exec(text)?.[1]
  if (day === undefined) return false
  const at = Date.parse(text)
  // JavaScript reads the 31st of February as a day in March.
  return at >= earliest && at <= latest && new Date(day).toISOString().startsWith(day)
}
