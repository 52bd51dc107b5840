-- An item is stored short and grows with each of its three updates, which come within seconds: a page has room for all its items'
-- versions but one, which PostgreSQL has cleared away by then. With half a page free, one item in four moved to another page, told
-- all indexes, and left holes all over the table that the next start filled one by one.
ALTER TABLE "items" SET (fillfactor = 30);
