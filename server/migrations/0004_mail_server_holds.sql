CREATE TABLE "mail_server_holds" (
	"server" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"heard" text,
	"held_at" timestamp with time zone NOT NULL,
	"next_probe_at" timestamp with time zone NOT NULL,
	"probe_seconds" integer NOT NULL
);
