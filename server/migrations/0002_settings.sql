CREATE TABLE "checks" (
	"name" text PRIMARY KEY NOT NULL,
	"checked_at" timestamp with time zone NOT NULL,
	"disagreeing" text[] DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE TABLE "removals" (
	"session_id" text PRIMARY KEY NOT NULL,
	"removed_at" timestamp with time zone NOT NULL,
	"last_position" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"updated_by_id" text NOT NULL,
	"updated_by_name" text NOT NULL
);
