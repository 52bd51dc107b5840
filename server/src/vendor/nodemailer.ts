import type { Socket } from 'node:net'
import { encode as encodeQuotedPrintable, wrap as wrapQuotedPrintable } from 'nodemailer/lib/qp'
import SMTPConnection from 'nodemailer/lib/smtp-connection'

/**
 * Everything that Rollcall uses of nodemailer beyond what it documents: of its SMTPConnection more than methods and events, and
 * its encoder of quoted-printable. Its version is pinned, and nodemailer.test.ts fails where a new one changes what is relied on here.
 */
export { encodeQuotedPrintable, SMTPConnection, wrapQuotedPrintable }

/** An error of nodemailer, with the fields that Rollcall reads. */
export interface SmtpConnectionError extends Error {
  /** nodemailer's own code, such as `ETLS` or `EAUTH`. */
  code?: string
  /** The code of the operating system, where it has one. */
  originalCode?: string
  /** The mail server's reply, where there is one. */
  response?: string
  command?: string
  timeoutType?: string
}

/** The extensions in a mail server's reply to EHLO that matter for sending a mail. */
export interface ServerExtensions {
  /** Whether several commands may be sent before the first is answered (RFC 2920). */
  pipelining: boolean
  /** Whether MAIL tells the server how large a mail is (RFC 1870). */
  size: boolean
  /** The most bytes that a mail may have; null where the server did not say. */
  largestMail: number | null
}

/** Reads what the server offered; where nodemailer's fields are missing, nothing counts as offered. */
export function serverExtensions(connection: SMTPConnection): ServerExtensions {
  const { _supportedExtensions: names = [], _maxAllowedSize: largest = 0 } = connection as {
    _supportedExtensions?: string[]
    _maxAllowedSize?: number
  }
  return {
    pipelining: names.includes('PIPELINING'),
    size: names.includes('SIZE'),
    largestMail: largest > 0 ? largest : null,
  }
}

/**
 * Takes the socket over from a connection that is signed in: from now on nodemailer reads nothing from it, and goes on to
 * report its errors and its end. Returns null when the connection is gone.
 */
export function takeSocket(connection: SMTPConnection): Socket | null {
  const { _socket: socket } = connection
  if (!socket) return null
  socket.removeAllListeners('data')
  return socket
}

/** Tells whether a connection has ended; nodemailer knows a moment before it says so by its event `end`. */
export function isDestroyed(connection: SMTPConnection): boolean {
  return connection.destroyed
}

/** Tells whether the server offered AUTH. */
export function offersAuth(connection: SMTPConnection): boolean {
  return connection.allowsAuth
}

/** Tells how far a connection came: no TCP connection yet, in the middle of the upgrade to TLS, or connected. */
export function connectStage(connection: SMTPConnection): 'unconnected' | 'upgrading' | 'connected' {
  if (connection.upgrading === true) return 'upgrading'
  return connection.stage === 'init' ? 'unconnected' : 'connected'
}
