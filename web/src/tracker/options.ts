import type { SessionOptions } from '@rollcall/shared'
import { defineStore } from 'pinia'
import { reactive } from 'vue'
import { call } from '../api/http.ts'

const askAgainMilliseconds = 5_000

/** The options of sessions that wait because of them; a progress does not carry them, and they never change. */
export const useOptionsStore = defineStore('options', () => {
  const known = reactive(new Map<string, SessionOptions>())
  const asked = new Set<string>()

  function learn(sessionId: string, options: SessionOptions): void {
    known.set(sessionId, options)
  }

  /** Asks for the options of a session that are not known yet; where that fails, not again for some seconds. */
  async function need(sessionId: string): Promise<void> {
    if (known.has(sessionId) || asked.has(sessionId)) return
    asked.add(sessionId)
    try {
      const { options } = await call('GET /crm/activation/sessions/:sessionId', { parameters: { sessionId } })
      learn(sessionId, options)
    } catch {
      window.setTimeout(() => asked.delete(sessionId), askAgainMilliseconds)
    }
  }
  return { known, learn, need }
})
