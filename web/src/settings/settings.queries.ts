import type { SettingsAnswer, SettingsPatch } from '@rollcall/shared'
import { useQuery, useQueryCache } from '@pinia/colada'
import { call } from '../api/http.ts'

const key = ['settings']

export function useSettings(enabled: () => boolean) {
  return useQuery({ key, enabled, query: ({ signal }) => call('GET /settings', {}, { signal }) })
}

/** Saves changes and gives what holds then, which every screen shows. Throws ApiFailure. */
export function useSaveSettings() {
  const cache = useQueryCache()
  return async (patch: SettingsPatch): Promise<SettingsAnswer> => {
    const answer = await call('PATCH /settings', { body: patch })
    cache.setQueryData(key, answer)
    return answer
  }
}
