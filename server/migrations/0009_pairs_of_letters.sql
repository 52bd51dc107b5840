DROP INDEX "leads_characters";--> statement-breakpoint
DROP INDEX "items_lead";--> statement-breakpoint
CREATE INDEX "items_session_lead" ON "items" USING btree ("session_id","lead_id","position");--> statement-breakpoint
CREATE INDEX "leads_pairs" ON "leads" USING gin (array_to_tsvector(array_remove(string_to_array(regexp_replace(search_text, '..', '\&' || chr(1), 'g') || chr(1) || regexp_replace(substr(search_text, 2), '..', '\&' || chr(1), 'g'), chr(1)), '')));--> statement-breakpoint
CREATE INDEX "items_lead" ON "items" USING btree ("lead_id");