import type { HoldReason, MailReason } from '@rollcall/shared/reasons'

/** The sender of mails: a name for people and one address. */
export interface Sender {
  name: string
  address: string
}

/** What SMTP_URL says: where the mail server is, and how to talk to it. */
export interface SmtpSettings {
  host: string
  port: number
  /** Whether the connection has TLS from the first byte (`smtps://`). */
  secure: boolean
  user: string | null
  password: string | null
  /** The most connections that are open at once. */
  connections: number
  /** Whether a server that offers no STARTTLS is not used. */
  requireTls: boolean
  /** Whether STARTTLS is not used although the server offers it. */
  ignoreTls: boolean
  rejectUnauthorized: boolean
}

/** How long each step of the conversation with the mail server may take, in milliseconds. */
export interface SmtpTimeouts {
  /** The time for DNS, TCP and TLS, until the connection is established. */
  connect: number
  /** The time from the connection to the server's greeting. */
  greeting: number
  /** The time for each answer to EHLO, AUTH, MAIL, RCPT, DATA and RSET. */
  command: number
  /** The time from the first byte of the mail to the answer after the final dot. */
  delivery: number
  /** A connection that nobody needs is closed after this long. */
  idle: number
}

/** The server's own words, or what went wrong when it said nothing. */
interface ReplyOrProblem {
  reply: string | null
  problem: string | null
}

/** What an answer, or its absence, means for the item, the session and the mail server. */
export type Verdict =
  | ({ kind: 'sent' } & ReplyOrProblem)
  /** Nothing was handed over: the item is pending again, and no try is used. `throttled`: sending also slows down. `stopped`: the sender was closed. */
  | ({ kind: 'again'; cause: 'connection' | 'throttled' | 'stopped' } & ReplyOrProblem)
  /** The item is tried again later, at the time that `nextTryDelay` tells. */
  | ({ kind: 'later'; mailboxFull: boolean } & ReplyOrProblem)
  /** The item has failed. With `countsTowardHold`, `refusalsBeforeHold` of these in a row for different recipients hold the session. */
  | ({ kind: 'failed'; reason: MailReason; countsTowardHold: boolean } & ReplyOrProblem)
  /** The mail was handed over, and the answer to it was lost. */
  | ({ kind: 'unconfirmed' } & ReplyOrProblem)
  /** The item is pending again, no try used; after this many in a row the session is held. */
  | ({ kind: 'hold'; reason: HoldReason; after: number } & ReplyOrProblem)

/** The verdict on one mail; `gate_closed`: the gate said no, or failed (`cause`), and the server got nothing. */
export type Delivery = Verdict | { kind: 'gate_closed'; cause: unknown }

/** `ready`: the server was reached and took the sign-in. */
export type Probe = Verdict | { kind: 'ready' }

export interface SendRequest {
  /** The envelope's sender, an address alone. */
  from: string
  /** The envelope's only recipient, exactly as `checkAddress` gave it. */
  to: string
  /**
   * Called once, when the server has agreed to everything (354); no byte of the mail leaves before it answers true.
   * `connection` is the same for all mails over the same connection.
   */
  gate: (connection: object) => Promise<boolean>
  /** The whole mail, in ASCII and with CRLF at the ends of lines; called before the gate, and gives the same each time. */
  body: () => string
  /** Asked after every wait for a connection; false: nothing is begun, and the gate counts as closed. */
  isWanted?: () => boolean
  /**
   * Asked when there is a connection, before any command for this mail is sent over it; false means the same as for `isWanted`.
   * Not asked where the envelope is pipelined, because it is then sent with the content of a mail that has passed its gate.
   */
  begin?: (connection: object) => Promise<boolean>
  /**
   * Told the delivery before anything more happens over its connection, so before the gate of the next mail is asked; null
   * where there was no connection. Not called when `send` rejects.
   */
  delivered?: (delivery: Delivery, connection: object | null) => void
}

export interface SmtpSender {
  /**
   * Sends one mail over a connection of the sender's own; waits while all are busy. Rejects only when `body` throws.
   * Resolves after the gate has answered, so no gate of a mail is still running once its delivery is known.
   */
  send(request: SendRequest): Promise<Delivery>
  /** How many connections are used at most right now: falls when the server asks for fewer, and rises again slowly. */
  readonly connections: number
  /** Opens a connection for itself, signs in and says QUIT; tells whether that worked. */
  probe(): Promise<Probe>
  /**
   * Takes no more mails, waits for the mails in flight and for connections that are just being reset, for at most this many
   * milliseconds, then closes everything.
   */
  close(milliseconds?: number): Promise<void>
}
