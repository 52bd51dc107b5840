/**
 * The Message-ID of an item's mail, in the domain of the sender's address. Made from what names the item, so that every
 * try of it is the same mail to the servers on its way, and nothing has to be stored for that.
 */
export function messageIdOf(sessionId: string, position: number, senderAddress: string): string {
  return `<${sessionId}.${position}@${senderAddress.slice(senderAddress.lastIndexOf('@') + 1)}>`
}
