/** The allowed length of the password of an account, in characters. This file imports no schema, so a browser can load it. */
export const passwordLength = { minimum: 10, maximum: 200 } as const
