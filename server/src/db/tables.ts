/** Every table by name: what drizzle and its migrations know. */
export * from '../accounts/accounts.table.ts'
export * from '../activation/activation.table.ts'
export * from '../jobs/nodes.table.ts'
export * from '../leads/imports.table.ts'
export * from '../leads/leads.table.ts'
export * from '../mail/mailbox.table.ts'
export * from '../staff/staff.table.ts'
export * from '../mail/mailbox.table.ts'
