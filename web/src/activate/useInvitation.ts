import type { InspectAnswer } from '@rollcall/shared'
import { ref, type Ref } from 'vue'
import { ApiFailure, call, sentenceOf } from '../api/http.ts'

const linkRefusals = ['TOKEN_INVALID', 'TOKEN_USED', 'TOKEN_EXPIRED'] as const
/** Why a link opens nothing: the codes of the contract. */
export type LinkRefusal = (typeof linkRefusals)[number]

/** Where an invited person is: the page shows exactly one of these. */
export type InvitationState =
  | { name: 'reading' }
  | { name: 'unread'; message: string }
  | { name: 'asking'; invitation: InspectAnswer; busy: boolean; message: string | null }
  | { name: 'refused'; refusal: LinkRefusal }
  | { name: 'ready'; email: string }

/** What the page of an activation link does. Reading a link changes nothing, however often it is read. */
export interface Invitation {
  state: Ref<InvitationState>
  read(): Promise<void>
  /** Sets the password, once. What is wrong with it is told in the state, and what was typed stays with the form. */
  accept(password: string): Promise<void>
}

/** The invited person's side of one activation link. */
export function useInvitation(token: string): Invitation {
  const state = ref<InvitationState>({ name: 'reading' })

  async function read(): Promise<void> {
    state.value = { name: 'reading' }
    try {
      const invitation = await call('POST /activation/inspect', { body: { token } }, { signsIn: true })
      state.value = { name: 'asking', invitation, busy: false, message: null }
    } catch (error) {
      state.value = refusedBy(error) ?? { name: 'unread', message: sentenceOf(error) }
    }
  }

  async function accept(password: string): Promise<void> {
    if (state.value.name !== 'asking' || state.value.busy) return
    const { invitation } = state.value
    state.value = { name: 'asking', invitation, busy: true, message: null }
    try {
      const { email } = await call('POST /activation/accept', { body: { token, password } }, { signsIn: true })
      state.value = { name: 'ready', email }
    } catch (error) {
      state.value = refusedBy(error) ?? { name: 'asking', invitation, busy: false, message: sentenceOf(error) }
    }
  }

  return { state, read, accept }
}

function refusedBy(error: unknown): InvitationState | null {
  if (!(error instanceof ApiFailure)) return null
  const refusal = linkRefusals.find((code) => code === error.code)
  return refusal === undefined ? null : { name: 'refused', refusal }
}
