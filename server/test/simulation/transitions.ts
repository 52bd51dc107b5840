import type { TestDatabase } from '../database/database.ts'

/** A change of state of an item's account or mail, as the database saw it. */
export interface Move {
  email: string
  what: 'account' | 'mail'
  before: string
  after: string
  /** Of the state that it came to. */
  reason: string | null
}

/** Has the database itself write down every move of every item from now on. */
export async function noteMoves(test: Pick<TestDatabase, 'pool'>): Promise<void> {
  await test.pool.query(`
    CREATE TABLE moves (
      number bigint GENERATED ALWAYS AS IDENTITY, session_id text, email text, what text, before text, after text, reason text
    );
    CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO moves (session_id, email, what, before, after, reason)
      SELECT NEW.session_id, NEW.email, 'account', OLD.account_state, NEW.account_state, NEW.account_reason
      WHERE OLD.account_state <> NEW.account_state
      UNION ALL
      SELECT NEW.session_id, NEW.email, 'mail', OLD.mail_state, NEW.mail_state, NEW.mail_reason
      WHERE OLD.mail_state <> NEW.mail_state;
      RETURN NULL;
    END $$;
    CREATE TRIGGER note_move AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note_move();
  `)
}

/** The moves of a session's items, each item's in the order in which they happened. */
export async function movesOf(test: Pick<TestDatabase, 'pool'>, sessionId: string): Promise<Move[]> {
  const { rows } = await test.pool.query<Move>(
    'SELECT email, what, before, after, reason FROM moves WHERE session_id = $1 ORDER BY number',
    [sessionId],
  )
  return rows
}
