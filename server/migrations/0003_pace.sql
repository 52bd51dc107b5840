CREATE TABLE "mail_lanes" (
	"lane" text PRIMARY KEY NOT NULL,
	"free_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "failure_share" real;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "failures_accepted" integer DEFAULT 0 NOT NULL;