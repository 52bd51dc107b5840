import { Type, type Static } from 'typebox'
import { strict, Timestamp } from './basics.schema.ts'

const Token = Type.String({ minLength: 1, maxLength: 200 })

/** The body of `POST /activation/inspect`, which returns what the page of a link shows, and changes nothing however often it is called. */
export const InspectRequest = strict({ token: Token })
export const InspectAnswer = strict({ email: Type.String(), firstName: Type.String(), expiresAt: Timestamp })
export type InspectAnswer = Static<typeof InspectAnswer>

/** The body of `POST /activation/accept`, which sets the password of an account once. */
export const AcceptRequest = strict({
  token: Token,
  password: Type.String({ maxLength: 1000 }),
})
export const AcceptAnswer = strict({ email: Type.String() })
