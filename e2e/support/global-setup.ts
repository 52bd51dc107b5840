/** Starts one PostgreSQL for all journeys, with a migrated database of which each journey gets a copy. */
export { default } from '../../server/test/database/global-setup.ts'
