DROP INDEX "leads_status_created_at";--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "lead_created_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "accounts" SET "lead_created_at" = "leads"."created_at" FROM "leads" WHERE "leads"."id" = "accounts"."lead_id";--> statement-breakpoint
ALTER TABLE "accounts" ALTER COLUMN "lead_created_at" SET NOT NULL;--> statement-breakpoint
CREATE INDEX "accounts_status_lead" ON "accounts" USING btree ("status","lead_created_at","lead_id");--> statement-breakpoint
CREATE INDEX "leads_status" ON "leads" USING brin ("status") WITH (pages_per_range=16);--> statement-breakpoint
-- A chunk changes the status of whole pages of leads in one transaction: with room for that, no index has to be told.
ALTER TABLE "leads" SET (fillfactor = 50);
