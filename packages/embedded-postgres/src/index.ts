export type { Application, Logger } from './application.ts'
export { attachEmbeddedPostgres, type Attachment } from './attach.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts'
export { isProcessAlive } from './processes.ts'
