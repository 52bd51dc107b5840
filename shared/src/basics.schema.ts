import { Type, type Static, type TSchema } from 'typebox'
import { errorCodes } from './codes.ts'

/** Makes the schema of an object in which unknown fields are refused. */
export function strict<Properties extends Record<string, TSchema>>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false })
}

/** Makes the schema of a text that must be one of these words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return Type.Unsafe<Words[number]>(Type.String({ enum: [...words] }))
}

/** Makes the schema of a value that has this schema or is null. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()])
}

/** The body of a call that needs none: it may be missing or an empty object. */
export const NoBody = nullable(strict({}))

export const Uuid = Type.String({ format: 'uuid' })
/** A time in ISO 8601. The server writes it in UTC, and accepts any zone. */
export const Timestamp = Type.String({ format: 'date-time' })
export const Count = Type.Integer({ minimum: 0 })

export const Limit = Type.Integer({ minimum: 1, maximum: 500, default: 100 })
export const Cursor = Type.String({ minLength: 1, maxLength: 1024 })
export const SearchText = Type.String({ maxLength: 200 })

/** Makes the schema of a success, whose `data` has this schema. */
export function success<Schema extends TSchema>(data: Schema) {
  return strict({ success: Type.Literal(true), data })
}

export const Failure = strict({
  success: Type.Literal(false),
  code: oneOf(errorCodes),
  msg: Type.String(),
  details: Type.Optional(Type.Unknown()),
})
export type Failure = Static<typeof Failure>

/** Makes the schema of one page of a list, with the number of all items of the list. */
export function listOf<Schema extends TSchema>(item: Schema) {
  return strict({ items: Type.Array(item), nextCursor: nullable(Type.String()), total: Count })
}
export interface List<Item> {
  items: Item[]
  nextCursor: string | null
  total: number
}

/** Makes the schema of one page of a list that may be too long to be counted for every page. */
export function countedListOf<Schema extends TSchema>(item: Schema) {
  return strict({
    items: Type.Array(item),
    nextCursor: nullable(Type.String()),
    total: Count,
    /** False where `total` is an estimate. */
    totalIsExact: Type.Boolean(),
  })
}
export interface CountedList<Item> extends List<Item> {
  totalIsExact: boolean
}

export const Person = strict({ id: Type.String(), name: Type.String() })
export type Person = Static<typeof Person>
