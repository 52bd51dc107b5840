import { useToast } from '@nuxt/ui/composables/useToast'
import { sentenceOf } from '../api/http.ts'

/** Short messages at the edge of the screen; each is also read out. */
export function useNotices() {
  const toast = useToast()
  return {
    done: (title: string, description?: string) =>
      void toast.add({ title, description, color: 'success', icon: 'i-lucide-circle-check' }),
    failed: (title: string, error: unknown) =>
      void toast.add({ title, description: sentenceOf(error), color: 'error', icon: 'i-lucide-circle-alert' }),
  }
}
