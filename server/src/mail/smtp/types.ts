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
  /** TLS from the first byte (`smtps://`). */
  secure: boolean
  user: string | null
  password: string | null
  /** The most connections that are open at once. */
  connections: number
  /** Refuse to go on where the server offers no STARTTLS. */
  requireTls: boolean
  /** Do not use STARTTLS although the server offers it. */
  ignoreTls: boolean
  rejectUnauthorized: boolean
}

/** Milliseconds. */
export interface SmtpTimeouts {
  /** DNS, TCP and TLS until the connection is established. */
  connect: number
  /** From the connection to the server's greeting. */
  greeting: number
  /** Each answer to EHLO, AUTH, MAIL, RCPT, DATA and RSET. */
  command: number
  /** From the first byte of the mail to the answer after the final dot. */
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
  /** Pending again, no try used: nothing was handed over. `throttled`: also slow down. `stopped`: the sender was closed. */
  | ({ kind: 'again'; cause: 'connection' | 'throttled' | 'stopped' } & ReplyOrProblem)
  /** The item's next try: see `nextTryDelay`. */
  | ({ kind: 'later'; mailboxFull: boolean } & ReplyOrProblem)
  /** `countsTowardHold`: `refusalsBeforeHold` of these for different recipients in a row hold the session. */
  | ({ kind: 'failed'; reason: MailReason; countsTowardHold: boolean } & ReplyOrProblem)
  /** Handed over, and the answer was lost. */
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
   * Asked when there is a connection, before anything is said over it for this mail; false means the same. Not asked where
   * the envelope is pipelined, because it is then sent with the content of a mail that has passed its gate.
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
   * Answers after the gate was settled, so no gate of a mail is still running once its delivery is known.
   */
  send(request: SendRequest): Promise<Delivery>
  /** How many connections are used at most right now: falls when the server asks for fewer, and rises again slowly. */
  readonly connections: number
  /** Opens a connection of its own, signs in and leaves. */
  probe(): Promise<Probe>
  /**
   * Takes no more mails, waits for those in flight, and for connections that are just made ready for a next one, for at
   * most this many milliseconds, then closes everything.
   */
  close(milliseconds?: number): Promise<void>
}
