import { computed, ref } from 'vue'

/** The way through a list that only knows "what comes after this cursor": going back is taking from a stack. */
export function useCursorStack(pageSize: number) {
  const stack = ref<string[]>([])
  const cursor = computed(() => stack.value.at(-1))
  const first = computed(() => stack.value.length * pageSize + 1)

  function next(after: string | null | undefined): void {
    if (after) stack.value = [...stack.value, after]
  }
  function back(): void {
    stack.value = stack.value.slice(0, -1)
  }
  function reset(): void {
    if (stack.value.length > 0) stack.value = []
  }
  return { cursor, first, next, back, reset, hasBack: computed(() => stack.value.length > 0) }
}
