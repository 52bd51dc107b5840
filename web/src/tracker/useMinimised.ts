import { computed, onMounted, onUnmounted, ref, watch } from 'vue'
import { browserStorage } from './page-events.ts'

const storageKey = 'rollcall.tracker-minimised'
const narrow = '(width < 40rem)'

/**
 * Whether the tray is small. On a wide screen that is the person's choice, kept in the browser for all tabs. A narrow
 * screen has no room for an open tray, so there it is small again whenever what `covered` gives changes.
 */
export function useMinimised(covered: () => unknown) {
  const isNarrow = useMediaQuery(narrow)
  const chosen = useStoredFlag(storageKey)
  const isOpened = ref(false)
  watch([isNarrow, covered], () => (isOpened.value = false))

  return computed({
    get: () => (isNarrow.value ? !isOpened.value : chosen.value),
    set: (wanted) => {
      if (isNarrow.value) isOpened.value = !wanted
      else chosen.value = wanted
    },
  })
}

function useMediaQuery(query: string) {
  const media = window.matchMedia(query)
  const matches = ref(media.matches)
  const update = () => (matches.value = media.matches)
  onMounted(() => media.addEventListener('change', update))
  onUnmounted(() => media.removeEventListener('change', update))
  return matches
}

function useStoredFlag(key: string) {
  const storage = browserStorage()
  const flag = ref(storage?.getItem(key) === 'true')
  const update = (event: StorageEvent) => {
    if (event.key === key) flag.value = event.newValue === 'true'
  }
  watch(flag, (value) => {
    try {
      storage?.setItem(key, String(value))
    } catch {
      // The choice holds for this page then.
    }
  })
  onMounted(() => window.addEventListener('storage', update))
  onUnmounted(() => window.removeEventListener('storage', update))
  return flag
}
