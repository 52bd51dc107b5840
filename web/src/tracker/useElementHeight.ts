import { onUnmounted, ref, watch, type Ref } from 'vue'

/** The height of an element with its border, in whole pixels; 0 while it is not there. */
export function useElementHeight(element: Readonly<Ref<HTMLElement | null>>) {
  const height = ref(0)
  const observer = new ResizeObserver(() => (height.value = Math.ceil(element.value?.offsetHeight ?? 0)))
  watch(element, (now, before) => {
    if (before) observer.unobserve(before)
    if (now) observer.observe(now)
    else height.value = 0
  })
  onUnmounted(() => observer.disconnect())
  return height
}
