export const mailbox = {
  purpose: 'What Rollcall would have sent. Nobody outside gets these mails.',
  refresh: 'Refresh',
  search: 'Search mails',
  searchHint: 'Search address or subject',
  noMatch: { title: 'No mail matches', text: 'Change the search.' },
  empty: { title: 'No mails yet', text: 'Activate some leads: their mails arrive here.' },
  list: 'Mails',
  choose: 'Choose a mail to read it.',
  mail: {
    label: 'Mail',
    fromTo: (from: string, to: string) => `From ${from} to ${to}`,
    links: 'Links in this mail',
    html: 'The mail as it was sent',
    text: 'The text part',
  },
}
