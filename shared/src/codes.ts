/** Every code a failure can carry; a program decides by these, never by the sentence. */
export const errorCodes = [
  'BAD_REQUEST',
  'BAD_CURSOR',
  'BAD_FRAME',
  'BODY_TOO_LARGE',
  'EMPTY_SELECTION',
  'FORBIDDEN',
  'IMPORT_NOT_FOUND',
  'IMPORT_UNREADABLE',
  'IMPORT_NEEDS_MAPPING',
  'INTERNAL',
  'INVALID_ADDRESS',
  'LEAD_NOT_FOUND',
  'LEADS_NOT_FOUND',
  'MESSAGE_NOT_FOUND',
  'NOT_FOUND',
  'NOT_POSSIBLE_NOW',
  'NOTHING_TO_RETRY',
  'ORIGIN_NOT_ALLOWED',
  'PASSWORD_TOO_WEAK',
  'SESSION_EXISTS',
  'SESSION_NOT_FOUND',
  'SIGN_IN_REQUIRED',
  'START_IN_THE_PAST',
  'TOKEN_EXPIRED',
  'TOKEN_INVALID',
  'TOKEN_USED',
  'TOO_MANY_REQUESTS',
  'UNAVAILABLE',
  'UNSUPPORTED_MEDIA_TYPE',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** Why the server closed a live connection (RFC 6455 section 7.4; 4000 and up are Rollcall's own). */
export const closeCodes = {
  badFrames: 1008,
  frameTooLarge: 1009,
  restarting: 1012,
  tryLater: 1013,
  notSignedIn: 4401,
  notAllowed: 4403,
} as const
