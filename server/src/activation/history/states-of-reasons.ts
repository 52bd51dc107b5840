import type { AccountReason, AccountState, MailReason, MailState } from '@rollcall/shared'

/** The states that an item's mail may be in with a reason. A state that is listed nowhere may come without a reason. */
export const mailStatesOfReason: Record<MailReason, MailState[]> = {
  mail_off: ['skipped'],
  already_active: ['skipped'],
  already_invited: ['skipped'],
  account_failed: ['skipped'],
  temporary_failure: [],
  address_refused: ['failed'],
  mailbox_full: ['failed'],
  refused: ['failed'],
  not_composable: ['failed'],
  gave_up: ['failed'],
  answer_lost: ['unconfirmed'],
  worker_lost: ['unconfirmed'],
  cancelled: ['cancelled'],
}
/** The same for an item's account. */
export const accountStatesOfReason: Record<AccountReason, AccountState[]> = {
  already_active: ['existing'],
  already_invited: ['existing'],
  invalid_address: ['failed'],
  cancelled: ['cancelled'],
}

/** Returns the reasons with which an item may be in this state. */
export function reasonsWith<State extends string>(statesOfReason: Record<string, State[]>, state: State): string[] {
  return Object.keys(statesOfReason).filter((reason) => statesOfReason[reason]?.includes(state))
}
