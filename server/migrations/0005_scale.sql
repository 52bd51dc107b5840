DROP INDEX "items_account";--> statement-breakpoint
DROP INDEX "items_mail_trouble";--> statement-breakpoint
ALTER TABLE "leads" ADD COLUMN "renamed_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "items_mail_reason" ON "items" USING btree ("session_id","mail_reason","position") WHERE "items"."mail_reason" is not null;--> statement-breakpoint
CREATE INDEX "items_account_reason" ON "items" USING btree ("session_id","account_reason","position") WHERE "items"."account_reason" is not null;--> statement-breakpoint
CREATE INDEX "leads_characters" ON "leads" USING gin (string_to_array(search_text, NULL));--> statement-breakpoint
CREATE INDEX "leads_renamed" ON "leads" USING btree ("renamed_at") WHERE renamed_at is not null;--> statement-breakpoint
-- Each row is rewritten by its account and twice by its mail: with room for that on its page, no index has to be told.
ALTER TABLE "items" SET (fillfactor = 50);--> statement-breakpoint
UPDATE "leads" SET "renamed_at" = now() WHERE EXISTS (
	SELECT FROM "items" WHERE "items"."lead_id" = "leads"."id"
		AND ("items"."email", "items"."first_name", "items"."last_name") IS DISTINCT FROM ("leads"."email", "leads"."first_name", "leads"."last_name")
);
