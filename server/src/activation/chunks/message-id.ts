/**
 * Returns the Message-ID of an item's mail, in the domain of the sender's address. It is made from the item's key, so every
 * attempt is the same mail to the servers that pass it on, and no id has to be stored.
 */
export function messageIdOf(sessionId: string, position: number, senderAddress: string): string {
  return `<${sessionId}.${position}@${senderAddress.slice(senderAddress.lastIndexOf('@') + 1)}>`
}
