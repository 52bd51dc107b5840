import type { Role } from '@rollcall/shared/roles'

/** Names of pages: in the title of the browser's tab, in the navigation, as headings. */
export const pages = {
  lead: 'Lead',
  leads: 'Leads',
  mailbox: 'Mailbox',
  notFound: 'Not found',
  session: 'Session',
  sessions: 'Sessions',
  settings: 'Settings',
  signIn: 'Sign in',
}

export const app = {
  name: 'Rollcall',
  title: (page: string) => `${page} · Rollcall`,
  titleWithShare: (title: string, percent: number) => `(${percent}%) ${title}`,
  skipToContent: 'Skip to content',
  navigation: 'Main',
  signOut: 'Sign out',
  stillSignedIn: 'You are still signed in',
  signedInAs: (name: string, role: Role) => `${name} · ${role}`,
  noMailServer: 'No mail server is set: mails go to the built-in mailbox, and nobody outside gets any.',
  colours: { auto: 'Colours: as the system', light: 'Colours: light', dark: 'Colours: dark' },
  notFound: {
    title: 'There is no such page',
    text: 'The address may be mistyped or old.',
    goToStart: 'Go to the start',
  },
}

/** What is said instead of a page that a person's role does not allow. */
export const forbidden = {
  pages: {
    mailbox: {
      title: 'There is no built-in mailbox here',
      text: 'It exists only while no mail server is set, and only admins may read it.',
    },
    settings: {
      title: 'Settings are for admins',
      text: 'Admins may read them, superadmins may change them.',
    },
  },
  other: {
    title: 'You may not see this',
    text: 'Ask an admin whether your role should allow it.',
  },
}

/** What is the same on every page. */
export const common = {
  none: '—',
  notYet: 'Not yet',
  copy: (text: string) => `Copy ${text}`,
  copied: 'Copied',
  tryAgain: 'Try again',
  clearFilters: 'Clear the filters',
  /** For what was thrown and is no error with a sentence of its own. */
  somethingWentWrong: 'Something went wrong. Try again.',
}

export const signIn = {
  purpose: 'Sign in to activate leads.',
  email: 'E-mail',
  password: 'Password',
  signIn: 'Sign in',
}
