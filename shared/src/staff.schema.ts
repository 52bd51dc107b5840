import { Type, type Static } from 'typebox'
import { oneOf, strict } from './basics.schema.ts'
import { roles } from './roles.ts'

/** `GET /staff/me`: who is signed in, and what the screens must know of the installation. */
export const Me = strict({
  id: Type.String(),
  name: Type.String(),
  email: Type.String(),
  role: oneOf(roles),
  /** True while mails go to the built-in mailbox and nobody outside gets any. */
  builtInMailbox: Type.Boolean(),
  /** The longest file that an import takes, in bytes. */
  importMaximumBytes: Type.Integer(),
})
export type Me = Static<typeof Me>

/** `POST /api/auth/sign-in/email`; the answer sets the cookie. */
export const SignInRequest = strict({
  email: Type.String({ maxLength: 254 }),
  password: Type.String({ maxLength: 1000 }),
  /** False: signed out when the browser closes. */
  rememberMe: Type.Optional(Type.Boolean()),
})
/** The sign-in library's own shape, of which nothing but its success should be relied upon. */
export const SignInAnswer = Type.Object({}, { additionalProperties: true })
