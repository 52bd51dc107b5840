DROP INDEX "sessions_created";--> statement-breakpoint
DROP INDEX "sessions_status_created";--> statement-breakpoint
DROP INDEX "sessions_starter_created";--> statement-breakpoint
CREATE INDEX "sessions_finished" ON "sessions" USING btree ("finished_at","id") WHERE "sessions"."finished_at" is not null;--> statement-breakpoint
CREATE INDEX "sessions_search" ON "sessions" USING gin (lower(id || ' ' || started_by_name) gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "sessions_created" ON "sessions" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_status_created" ON "sessions" USING btree ("status","created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_starter_created" ON "sessions" USING btree ("started_by_id","created_at","id");