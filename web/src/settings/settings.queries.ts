import type { SettingsAnswer, SettingsPatch } from '@rollcall/shared'
import { defineQueryOptions, useMutation, useQueryCache } from '@pinia/colada'
import { call } from '../api/http.ts'

/** What the settings are, and who changed them last. */
export const settingsQuery = defineQueryOptions({
  key: ['settings'],
  query: ({ signal }) => call('GET /settings', {}, { signal }),
})

/** Saves changes of the settings; every screen shows what holds then, and `onSaved` is told it. */
export function useSaveSettings(onSaved: (answer: SettingsAnswer) => void) {
  const cache = useQueryCache()
  return useMutation({
    mutation: (patch: SettingsPatch) => call('PATCH /settings', { body: patch }),
    onSuccess: (answer) => {
      cache.setQueryData(settingsQuery.key, answer)
      onSaved(answer)
    },
  })
}
