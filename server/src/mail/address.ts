import { domainToASCII } from 'node:url'
import type { Sender } from './smtp/types.ts'

/** The longest address that fits a path (RFC 5321 section 4.5.3.1). */
const maximumLength = 254
const maximumLocalPart = 64
const maximumDomain = 253

/** A label has at most 63 letters, digits and hyphens (RFC 1123 section 2.1). */
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
/** The last label is not a number, so no IP address gets through. */
const domainName = new RegExp(`^(?:${label}\\.)*(?![0-9]+$)${label}$`)

export type CheckedAddress = { ok: true; address: string; key: string } | { ok: false; reason: string }

/**
 * Takes exactly one address that mail can be sent to, and nothing else: no name, list, group, comment, quotes,
 * address literal, control or zero-width character. Works in linear time, and looks at the length first.
 *
 * `address` is what is stored, shown to the mail server and put into headers: trimmed, its domain in ASCII (an
 * internationalised domain becomes its `xn--` form). `key` is `address` in lower case: two addresses with the same
 * key are one person. `reason` is a sentence for a person.
 */
export function checkAddress(text: string): CheckedAddress {
  const address = text.trim()
  if (address === '') return refuse('There is no address.')
  if (address.length > maximumLength) return refuse(`The address is longer than ${maximumLength} characters.`)

  const at = address.lastIndexOf('@')
  if (at < 0) return refuse('The address has no @.')
  const localPart = address.slice(0, at)
  const localProblem = problemOfLocalPart(localPart)
  if (localProblem !== null) return refuse(localProblem)

  const domain = domainInAscii(address.slice(at + 1))
  const domainProblem = problemOfDomain(domain)
  if (domainProblem !== null) return refuse(domainProblem)
  if (!domain.includes('.')) return refuse('The part after the @ is not a full domain name: it has no dot.')

  const checked = `${localPart}@${domain}`
  if (checked.length > maximumLength) return refuse(`The address is longer than ${maximumLength} characters.`)
  return { ok: true, address: checked, key: checked.toLowerCase() }
}

/** Gives a domain as addresses carry it, in ASCII and lower case; null for what is not a full domain name. */
export function checkDomain(text: string): string | null {
  const domain = domainInAscii(text.trim().replace(/\.$/, '')).toLowerCase()
  return problemOfDomain(domain) === null && domain.includes('.') ? domain : null
}

/** Tells whether the text is, character for character, an address as `checkAddress` gives it. */
export function isSendable(address: string): boolean {
  const at = address.lastIndexOf('@')
  if (at < 0 || address.length > maximumLength) return false
  const domain = address.slice(at + 1)
  return problemOfLocalPart(address.slice(0, at)) === null && problemOfDomain(domain) === null && domain.includes('.')
}

export type CheckedSender = { ok: true; sender: Sender } | { ok: false; reason: string }

/**
 * Reads `Name <address>` or an address alone, as MAIL_FROM has it. Unlike a recipient, a sender may be at a host
 * without a dot (`no-reply@localhost`). The name may stand in double quotes and has no control characters.
 */
export function parseSender(text: string): CheckedSender {
  const trimmed = text.trim()
  if (trimmed.length > 1000) return { ok: false, reason: 'it is longer than 1000 characters' }
  const open = trimmed.lastIndexOf('<')
  const bracketed = open >= 0 && trimmed.endsWith('>')
  const address = bracketed ? trimmed.slice(open + 1, -1) : trimmed
  const name = bracketed ? withoutQuotes(trimmed.slice(0, open).trim()) : ''
  if (/\p{Cc}|\p{Zl}|\p{Zp}/u.test(name)) return { ok: false, reason: 'its name has a line break or control character' }

  if (bracketed && /[<>]/.test(name)) return { ok: false, reason: 'it has more than one address' }

  const at = address.lastIndexOf('@')
  if (at < 0) return { ok: false, reason: 'it has no @' }
  const domain = domainInAscii(address.slice(at + 1))
  const problem = problemOfLocalPart(address.slice(0, at)) ?? problemOfDomain(domain)
  if (problem !== null) return { ok: false, reason: problem }
  return { ok: true, sender: { name, address: `${address.slice(0, at)}@${domain}` } }
}

function refuse(reason: string): { ok: false; reason: string } {
  return { ok: false, reason }
}

function withoutQuotes(name: string): string {
  const quoted = name.length >= 2 && name.startsWith('"') && name.endsWith('"')
  return quoted ? name.slice(1, -1).replaceAll(/\\(.)/g, '$1') : name
}

/** Tells why a local part is not `dot-atom-text` of RFC 5322 section 3.2.3 in ASCII, which every mail server can carry; null when it is. */
function problemOfLocalPart(localPart: string): string | null {
  if (localPart === '') return 'There is nothing before the @.'
  if (localPart.length > maximumLocalPart) return `The part before the @ is longer than ${maximumLocalPart} characters.`
  if (/[^\x20-\x7e]/.test(localPart)) {
    return 'The part before the @ has letters or invisible characters that mail servers do not reliably carry.'
  }
  if (!/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/.test(localPart)) {
    return 'There is more than one plain address: a space, a quote, a comma, a bracket or a second @.'
  }
  if (localPart.startsWith('.') || localPart.endsWith('.') || localPart.includes('..')) {
    return 'A dot stands at the beginning or the end of the part before the @, or twice in a row.'
  }
  return null
}

/** Writes the labels of other scripts as `xn--`; gives an empty string where that cannot be done. */
function domainInAscii(domain: string): string {
  if (!/\P{ASCII}/u.test(domain)) return domain
  const onlyLetters = /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain)
  return onlyLetters ? domainToASCII(domain) : ''
}

function problemOfDomain(domain: string): string | null {
  const isDomain = domain.length <= maximumDomain && domainName.test(domain)
  return isDomain ? null : 'The part after the @ is not a domain name.'
}

/** Reads a sender that `parseSender` accepted when it was stored. Throws where it does not accept it now, which would be a mistake in the code. */
export function senderOf(text: string): Sender {
  const checked = parseSender(text)
  if (!checked.ok) throw new Error(`This is not a sender: ${checked.reason}.`)
  return checked.sender
}
