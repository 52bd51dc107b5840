import { Type, type Static } from 'typebox'
import { strict, Timestamp } from './basics.schema.ts'

const Token = Type.String({ minLength: 1, maxLength: 200 })

/** `POST /activation/inspect`: what the page of a link needs; changes nothing, however often it is asked. */
export const InspectRequest = strict({ token: Token })
export const InspectAnswer = strict({ email: Type.String(), firstName: Type.String(), expiresAt: Timestamp })
export type InspectAnswer = Static<typeof InspectAnswer>

/** `POST /activation/accept`: sets the password once. */
export const AcceptRequest = strict({
  token: Token,
  password: Type.String({ maxLength: 1000 }),
})
export const AcceptAnswer = strict({ email: Type.String() })
