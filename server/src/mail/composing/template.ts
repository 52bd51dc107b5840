import type { TemplateSource } from './types.ts'

/**
 * The mail that Rollcall sends until somebody writes another one. Slots: firstName, lastName, company, email, link,
 * linkDays, senderName. Values are escaped in the HTML by the renderer; a template has nothing to add for that.
 */
export const defaultTemplate: TemplateSource = {
  subject: '{% if firstName != "" %}{{ firstName }}, your{% else %}Your{% endif %} account is ready',

  text: `{% if firstName != "" %}Hello {{ firstName }},{% else %}Hello,{% endif %}

an account has been set up for you ({{ email }}). Choose a password to start using it:

{{ link }}

The link works for {{ linkDays }} day{% if linkDays != 1 %}s{% endif %}, and only until a password has been chosen.

If you did not expect this mail, you can ignore it: nothing happens without you.

{{ senderName }}
`,

  html: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Your account is ready</title>
</head>
<body style="margin:0;padding:24px 12px;background-color:#f4f5f7;color:#1c2430;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;font-size:16px;line-height:1.5">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="center">
<table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:560px;background-color:#ffffff;border-radius:8px"><tr><td style="padding:32px;text-align:left">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3;color:#1c2430">{% if firstName != "" %}Hello {{ firstName }},{% else %}Hello,{% endif %}</h1>
<p style="margin:0 0 24px;color:#1c2430">an account has been set up for you (<span style="white-space:nowrap">{{ email }}</span>). Choose a password to start using it.</p>
<p style="margin:0 0 24px"><a href="{{ link }}" style="display:inline-block;padding:12px 24px;background-color:#1d4ed8;color:#ffffff;font-weight:600;text-decoration:none;border-radius:6px">Choose a password</a></p>
<p style="margin:0 0 8px;color:#3d4756">If the button does not work, copy this address into your browser:</p>
<p style="margin:0 0 24px;word-break:break-all"><a href="{{ link }}" style="color:#1d4ed8">{{ link }}</a></p>
<p style="margin:0 0 16px;color:#3d4756">The link works for {{ linkDays }} day{% if linkDays != 1 %}s{% endif %}, and only until a password has been chosen.</p>
<p style="margin:0 0 16px;color:#3d4756">If you did not expect this mail, you can ignore it: nothing happens without you.</p>
<p style="margin:0;color:#3d4756">{{ senderName }}</p>
</td></tr></table>
</td></tr></table>
</body>
</html>
`,
}
