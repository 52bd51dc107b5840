-- A lead whose text for searches is compressed would have it replaced by the same text uncompressed when its status changes, and
-- every index of leads be told. Rows of before keep theirs until they change.
ALTER TABLE "leads" ALTER COLUMN "search_text" SET STORAGE EXTERNAL;
