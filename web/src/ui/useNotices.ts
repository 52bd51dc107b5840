import { useToast } from '@nuxt/ui/composables/useToast'
import { words } from '../words/index.ts'

/** Short messages at the edge of the screen; each is also read out. */
export function useNotices() {
  const toast = useToast()
  return {
    /** Tells what did not happen, and the sentence of what was thrown. */
    failed(title: string, error: unknown): void {
      const description = error instanceof Error ? error.message : words.common.somethingWentWrong
      void toast.add({ title, description, color: 'error', icon: 'i-lucide-circle-alert' })
    },
  }
}
