/** How many characters the password of an account has; a browser may read this, so it imports no schema. */
export const passwordLength = { minimum: 10, maximum: 200 } as const
