/** One PostgreSQL for all journeys, and a migrated database in it that each gets a copy of. */
export { default } from '../../server/test/database/global-setup.ts'
