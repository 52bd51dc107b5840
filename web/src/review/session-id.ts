const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const randomLength = 12
/** The largest multiple of 36 in a byte; higher bytes are drawn again, so that every letter is equally likely. */
const fairBytes = 252

/**
 * The id of a session, `activation_{milliseconds}_{random}`, made before the first request, so that a request whose
 * answer was lost can be sent again without starting anything twice.
 */
export function newSessionId(milliseconds: number, randomBytes: (count: number) => Uint8Array): string {
  let random = ''
  while (random.length < randomLength) {
    for (const byte of randomBytes(randomLength)) {
      if (byte < fairBytes && random.length < randomLength) random += letters[byte % letters.length]
    }
  }
  return `activation_${milliseconds}_${random}`
}

/** A session id from the browser's clock and random numbers. */
export function browserSessionId(): string {
  return newSessionId(Date.now(), (count) => crypto.getRandomValues(new Uint8Array(count)))
}
