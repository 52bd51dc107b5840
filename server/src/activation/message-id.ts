/**
 * The Message-ID of an item's mail. Made from what names the item, so that every try of it is the same mail to the
 * servers on its way, and nothing has to be stored for that.
 */
export function messageIdOf(sessionId: string, position: number, from: string): string {
  const domain = /@([^\s>@]+)>?$/.exec(from)?.[1] ?? 'localhost'
  return `<${sessionId}.${position}@${domain.toLowerCase()}>`
}
