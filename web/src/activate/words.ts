import { formatTime } from '../words/numbers.ts'
import type { LinkRefusal } from './useInvitation.ts'

/** Every sentence of the invited person's page. They stand apart from those of the staff, so that this page stays small. */
export const words = {
  reading: 'Reading your link',
  welcome: (firstName: string) => (firstName ? `Welcome, ${firstName}` : 'Welcome'),
  choose: 'Choose a password to activate the account of',
  password: 'Password',
  show: 'Show the password',
  charactersLeft: (minimum: number, left: number) =>
    left > 0 ? `At least ${minimum} characters; ${left} to go.` : 'Long enough.',
  activate: 'Activate my account',
  activating: 'Activating …',
  goodUntil: (time: string) => `This link is good until ${formatTime(time)}.`,
  ready: 'Your account is ready',
  signInWith: (email: string) => `You can sign in with ${email} and your new password.`,
  again: 'Try again',
  refusals: {
    TOKEN_INVALID: {
      title: 'This link is not right',
      text: 'Part of it may be missing. Open the link from the mail itself, or copy all of it.',
    },
    TOKEN_USED: {
      title: 'This link was used already',
      text: 'A password has been set with it, so your account is ready. If that was not you, tell the people who invited you.',
    },
    TOKEN_EXPIRED: {
      title: 'This link has expired',
      text: 'Links are good for some days only. Ask the people who invited you to send a new one.',
    },
  } satisfies Record<LinkRefusal, { title: string; text: string }>,
}
