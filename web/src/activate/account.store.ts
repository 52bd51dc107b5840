import type { InspectAnswer } from '@rollcall/shared'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { ApiFailure, call } from '../api/http.ts'

export type Refused = 'TOKEN_INVALID' | 'TOKEN_USED' | 'TOKEN_EXPIRED'

function refusalOf(error: unknown): Refused | null {
  if (!(error instanceof ApiFailure)) return null
  return error.code === 'TOKEN_INVALID' || error.code === 'TOKEN_USED' || error.code === 'TOKEN_EXPIRED'
    ? error.code
    : null
}

/** The invited person's side of an activation link. */
export const useAccountStore = defineStore('account', () => {
  const invitation = ref<InspectAnswer | null>(null)
  const refused = ref<Refused | null>(null)
  /** The address of the account, once the password is set. */
  const accepted = ref<string | null>(null)

  /** Reads what a link is for; changes nothing. Throws what is not about the link itself. */
  async function inspect(token: string): Promise<void> {
    await unlessRefused(async () => {
      invitation.value = await call('POST /activation/inspect', { body: { token } }, { signsIn: true })
    })
  }

  /** Sets the password, once. Throws ApiFailure with the server's sentence when the password is not good enough. */
  async function accept(token: string, password: string): Promise<void> {
    await unlessRefused(async () => {
      accepted.value = (await call('POST /activation/accept', { body: { token, password } }, { signsIn: true })).email
    })
  }

  async function unlessRefused(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      refused.value = refusalOf(error)
      if (!refused.value) throw error
    }
  }

  return { invitation, refused, accepted, inspect, accept }
})
