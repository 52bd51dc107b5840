import { Type, type Static } from 'typebox'
import { oneOf, strict } from './basics.schema.ts'
import { roles } from './roles.ts'

/** The answer of `GET /staff/me`: who is signed in, and what the web app must know about the installation. */
export const Me = strict({
  id: Type.String(),
  name: Type.String(),
  email: Type.String(),
  role: oneOf(roles),
  /** True while mails go to the built-in mailbox, so that nobody outside gets any. */
  builtInMailbox: Type.Boolean(),
  /** The longest file that an import takes, in bytes. */
  importMaximumBytes: Type.Integer(),
})
export type Me = Static<typeof Me>

/** The body of `POST /api/auth/sign-in/email`, whose answer sets the cookie of the sign-in. */
export const SignInRequest = strict({
  email: Type.String({ maxLength: 254 }),
  password: Type.String({ maxLength: 1000 }),
  /** False where the sign-in is to end when the browser is closed. */
  rememberMe: Type.Optional(Type.Boolean()),
})
/** The answer to a sign-in, in the form of the sign-in library. Programs must rely on nothing but its success. */
export const SignInAnswer = Type.Object({}, { additionalProperties: true })
