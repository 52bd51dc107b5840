CREATE TABLE "accounts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"lead_id" uuid NOT NULL,
	"email" text NOT NULL,
	"email_key" text NOT NULL,
	"status" text DEFAULT 'invited' NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"token_digest" "bytea" NOT NULL,
	"token_expires_at" timestamp with time zone NOT NULL,
	"password_hash" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"activated_at" timestamp with time zone,
	CONSTRAINT "accounts_status" CHECK ("accounts"."status" in ('invited', 'active'))
);
--> statement-breakpoint
CREATE TABLE "chunks" (
	"session_id" text NOT NULL,
	"number" integer NOT NULL,
	"first_position" integer NOT NULL,
	"last_position" integer NOT NULL,
	"accounts_done" boolean DEFAULT false NOT NULL,
	"mails_done" boolean DEFAULT false NOT NULL,
	"owner" uuid,
	"fence" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "chunks_session_id_number_pk" PRIMARY KEY("session_id","number")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"session_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"type" text NOT NULL,
	"actor_id" text,
	"actor_name" text,
	"cause" text,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "items" (
	"session_id" text NOT NULL,
	"position" integer NOT NULL,
	"chunk" integer NOT NULL,
	"lead_id" uuid NOT NULL,
	"email" text NOT NULL,
	"first_name" text NOT NULL,
	"last_name" text NOT NULL,
	"company" text NOT NULL,
	"account_state" text DEFAULT 'pending' NOT NULL,
	"account_reason" text,
	"account_id" uuid,
	"mail_state" text DEFAULT 'pending' NOT NULL,
	"mail_reason" text,
	"tries" smallint DEFAULT 0 NOT NULL,
	"next_try_at" timestamp with time zone,
	"first_try_at" timestamp with time zone,
	"reply" text,
	"sent_at" timestamp with time zone,
	"settled_by" text,
	CONSTRAINT "items_session_id_position_pk" PRIMARY KEY("session_id","position")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"accounts_created" integer DEFAULT 0 NOT NULL,
	"accounts_existing" integer DEFAULT 0 NOT NULL,
	"accounts_failed" integer DEFAULT 0 NOT NULL,
	"accounts_cancelled" integer DEFAULT 0 NOT NULL,
	"accounts_pending" integer DEFAULT 0 NOT NULL,
	"mails_sent" integer DEFAULT 0 NOT NULL,
	"mails_failed" integer DEFAULT 0 NOT NULL,
	"mails_unconfirmed" integer DEFAULT 0 NOT NULL,
	"mails_skipped" integer DEFAULT 0 NOT NULL,
	"mails_cancelled" integer DEFAULT 0 NOT NULL,
	"mails_pending" integer DEFAULT 0 NOT NULL,
	"rate" real,
	"rate_samples" smallint DEFAULT 0 NOT NULL,
	"started_at" timestamp with time zone,
	"updated_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"total" integer NOT NULL,
	"selection" jsonb NOT NULL,
	"options" jsonb NOT NULL,
	"request_digest" text NOT NULL,
	"template" jsonb NOT NULL,
	"started_by_id" text NOT NULL,
	"started_by_name" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"mail_not_before" timestamp with time zone,
	"canary" integer,
	"snapshot_at" timestamp with time zone NOT NULL,
	"rate_done" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "sessions_status" CHECK ("sessions"."status" in ('scheduled', 'queued', 'running', 'paused', 'held', 'cancelled', 'completed')),
	CONSTRAINT "sessions_accounts_add_up" CHECK ("sessions"."accounts_created" + "sessions"."accounts_existing" + "sessions"."accounts_failed" + "sessions"."accounts_cancelled" + "sessions"."accounts_pending" = "sessions"."total"),
	CONSTRAINT "sessions_mails_add_up" CHECK ("sessions"."mails_sent" + "sessions"."mails_failed" + "sessions"."mails_unconfirmed" + "sessions"."mails_skipped" + "sessions"."mails_cancelled" + "sessions"."mails_pending" = "sessions"."total"),
	CONSTRAINT "sessions_accounts_left" CHECK ("sessions"."accounts_pending" >= 0),
	CONSTRAINT "sessions_mails_left" CHECK ("sessions"."mails_pending" >= 0)
);
--> statement-breakpoint
CREATE TABLE "snapshots" (
	"session_id" text NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"accounts_created" integer DEFAULT 0 NOT NULL,
	"accounts_existing" integer DEFAULT 0 NOT NULL,
	"accounts_failed" integer DEFAULT 0 NOT NULL,
	"accounts_cancelled" integer DEFAULT 0 NOT NULL,
	"accounts_pending" integer DEFAULT 0 NOT NULL,
	"mails_sent" integer DEFAULT 0 NOT NULL,
	"mails_failed" integer DEFAULT 0 NOT NULL,
	"mails_unconfirmed" integer DEFAULT 0 NOT NULL,
	"mails_skipped" integer DEFAULT 0 NOT NULL,
	"mails_cancelled" integer DEFAULT 0 NOT NULL,
	"mails_pending" integer DEFAULT 0 NOT NULL,
	"rate" real,
	"rate_samples" smallint DEFAULT 0 NOT NULL,
	"started_at" timestamp with time zone,
	"updated_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "snapshots_session_id_version_pk" PRIMARY KEY("session_id","version")
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"backend_pid" integer NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"beat_at" timestamp with time zone DEFAULT now() NOT NULL,
	"dead_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "import_rejections" (
	"import_id" uuid NOT NULL,
	"ordinal" integer NOT NULL,
	"line" integer NOT NULL,
	"reason" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "import_rejections_import_id_ordinal_pk" PRIMARY KEY("import_id","ordinal")
);
--> statement-breakpoint
CREATE TABLE "imports" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"file_name" text NOT NULL,
	"staff_id" text NOT NULL,
	"staff_name" text NOT NULL,
	"rows" integer DEFAULT 0 NOT NULL,
	"created" integer DEFAULT 0 NOT NULL,
	"updated" integer DEFAULT 0 NOT NULL,
	"unchanged" integer DEFAULT 0 NOT NULL,
	"rejected" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "leads" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"email" text NOT NULL,
	"email_key" text NOT NULL,
	"first_name" text DEFAULT '' NOT NULL,
	"last_name" text DEFAULT '' NOT NULL,
	"company" text DEFAULT '' NOT NULL,
	"phone" text DEFAULT '' NOT NULL,
	"source" text DEFAULT '' NOT NULL,
	"owner" text DEFAULT '' NOT NULL,
	"stage" text DEFAULT '' NOT NULL,
	"notes" text DEFAULT '' NOT NULL,
	"status" text DEFAULT 'new' NOT NULL,
	"import_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"search_text" text GENERATED ALWAYS AS (lower(email || ' ' || first_name || ' ' || last_name || ' ' || company)) STORED NOT NULL,
	CONSTRAINT "leads_email_key_unique" UNIQUE("email_key"),
	CONSTRAINT "leads_status" CHECK (status in ('new', 'invited', 'active'))
);
--> statement-breakpoint
CREATE TABLE "mailbox_messages" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "mailbox_messages_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"arrival" uuid NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"recipient" text NOT NULL,
	"sender" text NOT NULL,
	"subject" text NOT NULL,
	"message_id" text NOT NULL,
	"raw" "bytea" NOT NULL,
	"search_text" text GENERATED ALWAYS AS (lower(recipient || ' ' || subject)) STORED NOT NULL,
	CONSTRAINT "mailbox_messages_arrival_unique" UNIQUE("arrival")
);
--> statement-breakpoint
CREATE TABLE "staff_accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"user_id" text NOT NULL,
	"access_token" text,
	"refresh_token" text,
	"id_token" text,
	"access_token_expires_at" timestamp with time zone,
	"refresh_token_expires_at" timestamp with time zone,
	"scope" text,
	"password" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "staff_api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"config_id" text DEFAULT 'default' NOT NULL,
	"name" text,
	"start" text,
	"prefix" text,
	"key" text NOT NULL,
	"reference_id" text NOT NULL,
	"refill_interval" integer,
	"refill_amount" integer,
	"last_refill_at" timestamp with time zone,
	"enabled" boolean DEFAULT true NOT NULL,
	"rate_limit_enabled" boolean DEFAULT false NOT NULL,
	"rate_limit_time_window" integer,
	"rate_limit_max" integer,
	"request_count" integer DEFAULT 0 NOT NULL,
	"remaining" integer,
	"last_request" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"permissions" text,
	"metadata" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "staff_rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"window_start" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "staff_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"token" text NOT NULL,
	"user_id" text NOT NULL,
	"ip_address" text,
	"user_agent" text,
	"impersonated_by" text,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "staff_sessions_token_unique" UNIQUE("token")
);
--> statement-breakpoint
CREATE TABLE "staff_users" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"email_verified" boolean DEFAULT false NOT NULL,
	"image" text,
	"role" text DEFAULT 'support' NOT NULL,
	"banned" boolean DEFAULT false NOT NULL,
	"ban_reason" text,
	"ban_expires" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "staff_users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "staff_verifications" (
	"id" text PRIMARY KEY NOT NULL,
	"identifier" text NOT NULL,
	"value" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_lead_id_leads_id_fk" FOREIGN KEY ("lead_id") REFERENCES "public"."leads"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chunks" ADD CONSTRAINT "chunks_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "snapshots" ADD CONSTRAINT "snapshots_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "import_rejections" ADD CONSTRAINT "import_rejections_import_id_imports_id_fk" FOREIGN KEY ("import_id") REFERENCES "public"."imports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "staff_accounts" ADD CONSTRAINT "staff_accounts_user_id_staff_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."staff_users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "staff_api_keys" ADD CONSTRAINT "staff_api_keys_reference_id_staff_users_id_fk" FOREIGN KEY ("reference_id") REFERENCES "public"."staff_users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "staff_sessions" ADD CONSTRAINT "staff_sessions_user_id_staff_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."staff_users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "accounts_email_key" ON "accounts" USING btree ("email_key");--> statement-breakpoint
CREATE UNIQUE INDEX "accounts_token_digest" ON "accounts" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "accounts_lead" ON "accounts" USING btree ("lead_id");--> statement-breakpoint
CREATE INDEX "chunks_owner" ON "chunks" USING btree ("owner") WHERE "chunks"."owner" is not null;--> statement-breakpoint
CREATE INDEX "events_session" ON "events" USING btree ("session_id","id");--> statement-breakpoint
CREATE INDEX "items_lead" ON "items" USING btree ("lead_id","session_id");--> statement-breakpoint
CREATE INDEX "items_account" ON "items" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "items_mail_trouble" ON "items" USING btree ("session_id","mail_state","mail_reason","position") WHERE "items"."mail_state" in ('failed', 'unconfirmed');--> statement-breakpoint
CREATE INDEX "sessions_created" ON "sessions" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sessions_status_created" ON "sessions" USING btree ("status","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sessions_starter_created" ON "sessions" USING btree ("started_by_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "leads_created_at" ON "leads" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "leads_last_name" ON "leads" USING btree (last_name collate "und-x-icu","id");--> statement-breakpoint
CREATE INDEX "leads_company" ON "leads" USING btree (company collate "und-x-icu","id");--> statement-breakpoint
CREATE INDEX "leads_status_created_at" ON "leads" USING btree ("status","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_source_created_at" ON "leads" USING btree ("source","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_owner_created_at" ON "leads" USING btree ("owner","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_import_created_at" ON "leads" USING btree ("import_id","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_search" ON "leads" USING gin (search_text gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "mailbox_messages_search" ON "mailbox_messages" USING gin ("search_text" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "staff_accounts_user" ON "staff_accounts" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "staff_api_keys_key" ON "staff_api_keys" USING btree ("key");--> statement-breakpoint
CREATE INDEX "staff_api_keys_reference" ON "staff_api_keys" USING btree ("reference_id");--> statement-breakpoint
CREATE INDEX "staff_sessions_user" ON "staff_sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "staff_verifications_identifier" ON "staff_verifications" USING btree ("identifier");