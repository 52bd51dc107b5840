import type { TestDatabase } from '../database/database.ts'

/** A change of state of an item's account or mail, as the database saw it. */
export interface ItemTransition {
  email: string
  what: 'account' | 'mail'
  before: string
  after: string
  /** The reason of the new state. */
  reason: string | null
}

/** Makes the database record every transition of every item from now on, by a trigger. */
export async function recordItemTransitions(test: Pick<TestDatabase, 'pool'>): Promise<void> {
  await test.pool.query(`
    CREATE TABLE item_transitions (
      number bigint GENERATED ALWAYS AS IDENTITY, session_id text, email text, what text, before text, after text, reason text
    );
    CREATE FUNCTION record_item_transition() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO item_transitions (session_id, email, what, before, after, reason)
      SELECT NEW.session_id, NEW.email, 'account', OLD.account_state, NEW.account_state, NEW.account_reason
      WHERE OLD.account_state <> NEW.account_state
      UNION ALL
      SELECT NEW.session_id, NEW.email, 'mail', OLD.mail_state, NEW.mail_state, NEW.mail_reason
      WHERE OLD.mail_state <> NEW.mail_state;
      RETURN NULL;
    END $$;
    CREATE TRIGGER record_item_transition AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION record_item_transition();
  `)
}

/** Reads the recorded transitions of a session's items, in the order in which they happened. */
export async function itemTransitionsOf(
  test: Pick<TestDatabase, 'pool'>,
  sessionId: string,
): Promise<ItemTransition[]> {
  const { rows } = await test.pool.query<ItemTransition>(
    'SELECT email, what, before, after, reason FROM item_transitions WHERE session_id = $1 ORDER BY number',
    [sessionId],
  )
  return rows
}
