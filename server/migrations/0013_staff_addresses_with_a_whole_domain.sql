-- The sign-in library takes only addresses whose domain has a dot. Until now Rollcall took others as well, such as that of its
-- own first superadmin, who was admin@localhost. An address that somebody else has already is left as it is.
UPDATE "staff_users" SET "email" = "changed"."email"
FROM (
  SELECT "id", CASE "email" WHEN 'admin@localhost' THEN 'admin@rollcall.localhost' ELSE "email" || '.localhost' END AS "email"
  FROM "staff_users" WHERE "email" ~ '@[^.@]+$'
) "changed"
WHERE "staff_users"."id" = "changed"."id" AND NOT EXISTS (SELECT FROM "staff_users" "other" WHERE "other"."email" = "changed"."email");
