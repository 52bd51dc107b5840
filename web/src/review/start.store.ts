import type { Selection, StartRequest } from '@rollcall/shared'
import { useMutation, useQuery } from '@pinia/colada'
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { ApiFailure, call, isNetworkFailure } from '../api/http.ts'
import { useTrackerStore } from '../app/tracker.store.ts'
import { browserSessionId } from './session-id.ts'
import { optionsOfForm, problemsOf, usualForm, type StartForm } from './start-form.ts'

/** The way from a selection to a session: the exact counts, the options, one confirmation. */
export const useStartStore = defineStore('start', () => {
  const tracker = useTrackerStore()
  const open = ref(false)
  const selection = ref<Selection | null>(null)
  const sessionId = ref('')
  const form = ref<StartForm>({ ...usualForm })
  const problem = ref<string | null>(null)
  /** True when a request may have arrived and no answer came: then only the very same one may be sent again. */
  const unsure = ref(false)

  const preview = useQuery(() => previewQuery(sessionId.value, selection.value))
  const start = useMutation({
    mutation: (body: StartRequest) => call('POST /crm/activation/sessions', { body }),
    onSuccess: (started, body) => {
      tracker.learnOptions(started.sessionId, body.options ?? {})
      tracker.apply(started)
      unsure.value = false
      open.value = false
    },
    onError: (error) => (unsure.value = mayHaveArrived(error)),
  })
  const message = computed(() => problem.value ?? start.error.value?.message ?? preview.error.value?.message ?? null)

  /** Opens the review of a selection. The session's id is made here, before anything is sent. */
  function review(chosen: Selection): void {
    const isSameAgain = unsure.value && JSON.stringify(chosen) === JSON.stringify(selection.value)
    open.value = true
    if (isSameAgain) return
    selection.value = chosen
    sessionId.value = browserSessionId()
    form.value = { ...usualForm }
    problem.value = null
    unsure.value = false
    start.reset()
  }

  /** What must be put right first. A request that may have arrived is sent again as it was, though its time has passed. */
  function problemsAt(now: number): ReturnType<typeof problemsOf> {
    return unsure.value ? {} : problemsOf(form.value, now)
  }

  /** Starts the session; pressed again after a lost answer, it sends the same id and body. True once it is started. */
  async function confirm(): Promise<boolean> {
    if (!selection.value || start.isLoading.value) return false
    problem.value = Object.values(problemsAt(Date.now()))[0] ?? null
    if (problem.value !== null) return false
    const body = { sessionId: sessionId.value, selection: selection.value, options: optionsOfForm(form.value) }
    return start.mutateAsync(body).then(
      () => true,
      () => false,
    )
  }

  return {
    open,
    preview: preview.data,
    loadPreview: () => void preview.refetch(),
    form,
    sending: start.isLoading,
    message,
    unsure,
    review,
    problemsAt,
    confirm,
  }
})

/** The exact counts of a selection, asked once for each session that may come of it. */
function previewQuery(sessionId: string, selection: Selection | null) {
  return {
    key: ['activation-preview', sessionId],
    enabled: selection !== null,
    staleTime: Infinity,
    query: ({ signal }: { signal: AbortSignal }) =>
      call('POST /crm/activation/preview', { body: { selection: selection ?? { ids: [] } } }, { signal }),
  }
}

/** True where nobody knows whether the server did what was asked. */
function mayHaveArrived(error: Error): boolean {
  return isNetworkFailure(error) || (error instanceof ApiFailure && error.status >= 500)
}
