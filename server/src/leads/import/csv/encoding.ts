export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

export interface DetectedEncoding {
  encoding: CsvEncoding
  /** True where some bytes do not fit the encoding. They are decoded as U+FFFD, and the rows that have them must be rejected. */
  damaged: boolean
}

/**
 * Finds the encoding of a whole text, in constant memory.
 *
 * The head of the text is enough to recognise UTF-16, by its byte order mark or by its NUL bytes. Otherwise every byte is
 * looked at, because one wrong byte at the end of a large file matters too: a text without a wrong byte is UTF-8; a text with
 * more valid sequences of several bytes than wrong bytes is UTF-8 that was damaged; any other text is Windows-1252. Other
 * encodings with one byte for each character cannot be told from Windows-1252, so they are decoded as Windows-1252.
 *
 * @param head the first bytes of the text, for example 64 KiB
 * @param chunks the whole text, from its beginning
 * @param cutOff true when the text may end in the middle of a character
 */
export async function detectEncoding(
  head: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
  cutOff = false,
): Promise<DetectedEncoding> {
  const wide = wideEncodingOf(head)
  if (wide !== undefined) return { encoding: wide, damaged: await isDamaged(wide, chunks, cutOff) }

  const count = { wrong: 0, sequences: 0 }
  const scan = utf8Scan(count)
  for await (const chunk of chunks) scan.write(chunk)
  scan.end(cutOff)

  if (count.wrong === 0) return { encoding: 'utf-8', damaged: false }
  if (count.sequences > count.wrong) return { encoding: 'utf-8', damaged: true }
  return { encoding: 'windows-1252', damaged: false }
}

/** Converts text in any of the encodings to UTF-8, without its byte order mark. */
export async function* toUtf8(
  chunks: AsyncIterable<Uint8Array>,
  encoding: CsvEncoding,
): AsyncGenerator<Buffer, void, undefined> {
  const decoder = new TextDecoder(encoding)
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true })
    if (text !== '') yield Buffer.from(text)
  }
  const rest = decoder.decode()
  if (rest !== '') yield Buffer.from(rest)
}

/**
 * Recognises UTF-16 by its byte order mark, or by its NUL bytes: in UTF-16, nearly all of them are the first bytes of their pairs,
 * or nearly all are the second. Returns undefined for text of another encoding.
 */
function wideEncodingOf(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'

  const nuls = [0, 0] as [number, number]
  for (let at = head.indexOf(0); at !== -1; at = head.indexOf(0, at + 1)) nuls[at % 2 === 0 ? 0 : 1] += 1
  const [even, odd] = nuls
  // Even a text in Chinese has delimiters, line ends, digits and addresses, so at least a twentieth of its bytes are NUL.
  const enough = head.length / 20
  if (odd >= enough && even <= odd / 20) return 'utf-16le'
  if (even >= enough && odd <= even / 20) return 'utf-16be'
  return undefined
}

async function isDamaged(encoding: CsvEncoding, chunks: AsyncIterable<Uint8Array>, cutOff: boolean): Promise<boolean> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  try {
    for await (const chunk of chunks) decoder.decode(chunk, { stream: true })
    if (!cutOff) decoder.decode()
    return false
  } catch {
    return true
  }
}

/** Counts in `count` the sequences of several bytes that are valid UTF-8 (Unicode 16, table 3-7), and the bytes that are wrong. */
function utf8Scan(count: { wrong: number; sequences: number }) {
  let missing = 0
  let lowest = 0x80
  let highest = 0xbf

  function begin(byte: number) {
    lowest = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80
    highest = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf
    if (byte >= 0xc2 && byte <= 0xdf) missing = 1
    else if (byte >= 0xe0 && byte <= 0xef) missing = 2
    else if (byte >= 0xf0 && byte <= 0xf4) missing = 3
    else count.wrong += 1
  }

  return {
    write(chunk: Uint8Array) {
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at] ?? 0
        if (missing > 0) {
          if (byte >= lowest && byte <= highest) {
            lowest = 0x80
            highest = 0xbf
            missing -= 1
            if (missing === 0) count.sequences += 1
            continue
          }
          missing = 0
          count.wrong += 1
        }
        if (byte >= 0x80) begin(byte)
      }
    },
    end(cutOff: boolean) {
      if (missing > 0 && !cutOff) count.wrong += 1
    },
  }
}
