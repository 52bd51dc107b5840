import type { Me } from '@rollcall/shared'
import { roleAllows, type Role } from '@rollcall/shared/roles'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { ApiFailure, call } from '../api/http.ts'

/** Who is signed in. */
export const useStaffStore = defineStore('staff', () => {
  const me = ref<Me | null>(null)
  /** Why it is not known who is signed in; null while it is, or while nobody is. */
  const failure = ref<Error | null>(null)
  /** True while a person signs out: the 401s that follow from it are no surprise. */
  const leaving = ref(false)

  /** Asks who is signed in, once. Afterwards `me` is null when nobody is. */
  async function load(): Promise<void> {
    if (me.value) return
    try {
      me.value = await call('GET /staff/me', {}, { signsIn: true })
      failure.value = null
    } catch (error) {
      failure.value = error instanceof ApiFailure && error.status === 401 ? null : (error as Error)
    }
  }

  /** Throws ApiFailure with the server's sentence when address or password are wrong. */
  async function signIn(email: string, password: string): Promise<void> {
    await call('POST /api/auth/sign-in/email', { body: { email, password } }, { signsIn: true })
    me.value = await call('GET /staff/me', {}, { signsIn: true })
    failure.value = null
  }

  async function signOut(): Promise<void> {
    leaving.value = true
    try {
      await call('POST /api/auth/sign-out', { body: {} }, { signsIn: true })
      me.value = null
    } finally {
      leaving.value = false
    }
  }

  /** The sign-in ended elsewhere. */
  function forget(): void {
    me.value = null
  }

  function may(role: Role): boolean {
    return me.value !== null && roleAllows(me.value.role, role)
  }

  return { me, failure, leaving, load, signIn, signOut, forget, may }
})
