import type { Preview, Selection, SessionOptions } from '@rollcall/shared'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { ApiFailure, call, sentenceOf } from '../api/http.ts'
import { useProgressStore } from './progress.store.ts'
import { browserSessionId } from './sessionId.ts'

const defaults = { remind: false, unconfirmed: 'hold' } as const satisfies SessionOptions

/** The way from a selection to a session: the exact counts, the options, one confirmation. */
export const useStartStore = defineStore('start', () => {
  const progress = useProgressStore()
  const open = ref(false)
  const selection = ref<Selection | null>(null)
  const sessionId = ref('')
  const preview = ref<Preview | null>(null)
  const options = ref<{ remind: boolean; unconfirmed: 'hold' | 'resend' }>({ ...defaults })
  const sending = ref(false)
  const message = ref<string | null>(null)
  /** True when a request may have arrived and no answer came: then only the very same one may be sent again. */
  const unsure = ref(false)

  /** Opens the review of a selection. The session's id is made here, before anything is sent. */
  function review(chosen: Selection): void {
    const isSameAgain = unsure.value && JSON.stringify(chosen) === JSON.stringify(selection.value)
    open.value = true
    if (isSameAgain) return
    selection.value = chosen
    sessionId.value = browserSessionId()
    options.value = { ...defaults }
    unsure.value = false
    void loadPreview()
  }

  async function loadPreview(): Promise<void> {
    if (!selection.value) return
    const id = sessionId.value
    preview.value = null
    message.value = null
    try {
      const answer = await call('POST /crm/activation/preview', { body: { selection: selection.value } })
      if (id === sessionId.value) preview.value = answer
    } catch (error) {
      if (id === sessionId.value) message.value = sentenceOf(error)
    }
  }

  /** Starts the session; pressed again after a lost answer, it sends the same id and body. True once it is started. */
  async function confirm(): Promise<boolean> {
    if (!selection.value || sending.value) return false
    sending.value = true
    message.value = null
    const body = { sessionId: sessionId.value, selection: selection.value, options: options.value }
    try {
      progress.apply(await call('POST /crm/activation/sessions', { body }), 'answer')
      unsure.value = false
      open.value = false
      return true
    } catch (error) {
      unsure.value = error instanceof ApiFailure && (error.code === 'NETWORK' || error.status >= 500)
      message.value = sentenceOf(error)
      return false
    } finally {
      sending.value = false
    }
  }

  return { open, preview, options, sending, message, unsure, review, loadPreview, confirm }
})
