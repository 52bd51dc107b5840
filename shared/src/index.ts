/**
 * The contract between server, web app and other programs.
 *
 * The web app takes types from here with `import type`, and values only from the files that do not
 * import TypeBox (`@rollcall/shared/statuses`, `/counters`, `/roles`, `/codes`, `/limits`, `/reasons`), so no schema reaches the browser.
 */
export * from './codes.ts'
export * from './counters.ts'
export * from './limits.ts'
export * from './reasons.ts'
export * from './roles.ts'
export * from './statuses.ts'
export * from './basics.schema.ts'
export * from './leads.schema.ts'
export * from './activation.schema.ts'
export * from './live.schema.ts'
export * from './staff.schema.ts'
export * from './mailbox.schema.ts'
export * from './accounts.schema.ts'
export * from './settings.schema.ts'
