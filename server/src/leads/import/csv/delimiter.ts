export type Delimiter = ',' | ';' | '\t'

/** The delimiters in the order in which they are tried. Text has more commas than the others, so where all fit equally the comma comes last. */
const delimiters: Delimiter[] = ['\t', ';', ',']

/**
 * Finds the character that separates the cells of a file. A first line `sep=;`, which Excel writes, decides it. Otherwise it is
 * the character that most rows have as often outside quotes as the header has, and a comma where the header has none.
 *
 * @param text the beginning of the file
 * @param cutOff true when the last row may be incomplete
 */
export function detectDelimiter(text: string, cutOff = false): Delimiter {
  const told = /^"?sep=([,;\t])/i.exec(text)?.[1]
  if (told !== undefined) return told as Delimiter

  const records = delimitersByRecord(text)
  if (cutOff && records.length > 1) records.pop()
  const [header, ...rows] = records
  if (header === undefined) return ','

  let best: Delimiter = ','
  let bestFit = -1
  let bestCount = 0
  for (const delimiter of delimiters) {
    const count = header[delimiter]
    if (count === 0) continue
    const fit = rows.length === 0 ? 1 : rows.filter((row) => row[delimiter] === count).length / rows.length
    if (fit > bestFit || (fit === bestFit && count > bestCount)) {
      best = delimiter
      bestFit = fit
      bestCount = count
    }
  }
  return best
}

/** Counts how often each delimiter stands outside quotes, for each record that is not blank. */
function delimitersByRecord(text: string): Record<Delimiter, number>[] {
  const records: Record<Delimiter, number>[] = []
  let counts = { ',': 0, ';': 0, '\t': 0 }
  let blank = true
  let quoted = false
  for (const character of text) {
    if (character === '"') {
      quoted = !quoted
      blank = false
    } else if (!quoted && (character === '\n' || character === '\r')) {
      if (!blank) records.push(counts)
      counts = { ',': 0, ';': 0, '\t': 0 }
      blank = true
    } else if (character === ',' || character === ';' || character === '\t') {
      if (!quoted) counts[character] += 1
      blank = false
    } else if (character !== ' ') {
      blank = false
    }
  }
  if (!blank) records.push(counts)
  return records
}
