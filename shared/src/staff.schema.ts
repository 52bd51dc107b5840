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
