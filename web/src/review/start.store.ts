import type { Preview, Selection } from '@rollcall/shared'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { ApiFailure, call, sentenceOf } from '../api/http.ts'
import { useOptionsStore } from '../tracker/options.ts'
import { useProgressStore } from '../tracker/tracker.ts'
import { browserSessionId } from './session-id.ts'
import { optionsOfForm, problemsOf, usualForm, type StartForm } from './start-form.ts'

/** The way from a selection to a session: the exact counts, the options, one confirmation. */
export const useStartStore = defineStore('start', () => {
  const progress = useProgressStore()
  const options = useOptionsStore()
  const open = ref(false)
  const selection = ref<Selection | null>(null)
  const sessionId = ref('')
  const preview = ref<Preview | null>(null)
  const form = ref<StartForm>({ ...usualForm })
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
    form.value = { ...usualForm }
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

  /** What must be put right first. A request that may have arrived is sent again as it was, though its time has passed. */
  function problemsAt(now: number): ReturnType<typeof problemsOf> {
    return unsure.value ? {} : problemsOf(form.value, now)
  }

  /** Starts the session; pressed again after a lost answer, it sends the same id and body. True once it is started. */
  async function confirm(): Promise<boolean> {
    if (!selection.value || sending.value) return false
    const [problem] = Object.values(problemsAt(Date.now()))
    message.value = problem ?? null
    if (problem !== undefined) return false
    sending.value = true
    const body = { sessionId: sessionId.value, selection: selection.value, options: optionsOfForm(form.value) }
    try {
      const started = await call('POST /crm/activation/sessions', { body })
      options.learn(started.sessionId, body.options)
      progress.apply(started, 'answer')
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

  return { open, preview, form, sending, message, unsure, review, loadPreview, problemsAt, confirm }
})
