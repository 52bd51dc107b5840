import type { SettingsAnswer } from '@rollcall/shared'
import { computed, ref, watch } from 'vue'
import { useSaveSettings } from './settings.queries.ts'
import { formOf, isSound, isUnchanged, patchOf, problemsOf, removesMoreSessions } from './settings-form.ts'

/** The settings as somebody types them. What others save meanwhile is taken over only while nothing is typed. */
export function useSettingsForm(settings: () => SettingsAnswer) {
  /** What the fields are compared with. */
  const base = ref(settings())
  const form = ref(formOf(base.value))
  const wasSubmitted = ref(false)
  const isSaved = ref(false)

  const unchanged = computed(() => isUnchanged(form.value, base.value))
  const problems = computed(() => problemsOf(form.value))
  const removesMore = computed(() => isSound(problems.value) && removesMoreSessions(form.value, base.value))

  /** Puts what these settings say into the fields. */
  function begin(from: SettingsAnswer): void {
    base.value = from
    form.value = formOf(from)
    wasSubmitted.value = false
  }
  watch(settings, (from) => unchanged.value && begin(from))
  watch(unchanged, (same) => !same && (isSaved.value = false))

  const save = useSaveSettings((answer) => {
    begin(answer)
    isSaved.value = true
  })
  /** Saves what was changed. False, without a request, where something must be put right first. */
  function submit(): boolean {
    wasSubmitted.value = true
    if (!isSound(problems.value)) return false
    save.mutate(patchOf(form.value, base.value))
    return true
  }
  function undo(): void {
    begin(settings())
    save.reset()
  }

  /** What is wrong with the fields, once somebody tried to save them. */
  const shownProblems = computed(() => (wasSubmitted.value ? problems.value : { domainRates: [] }))
  return {
    form,
    unchanged,
    removesMore,
    shownProblems,
    isSaved,
    isSaving: save.isLoading,
    error: save.error,
    undo,
    submit,
  }
}
