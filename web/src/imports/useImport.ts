import type { ImportMapping, LeadField } from '@rollcall/shared'
import { useMutation } from '@pinia/colada'
import { computed, ref } from 'vue'
import { call, uploadImport } from '../api/http.ts'
import { useStaffStore } from '../staff/staff.store.ts'
import { words } from '../words/index.ts'

/** The first part of a file, which is enough to see its columns. */
const previewBytes = 256 * 1024

export type ImportStep = 'choose' | 'review' | 'sending' | 'done'

/** The way of a file: chosen, its columns reviewed, sent, and what became of its rows. */
export function useImport() {
  const staff = useStaffStore()
  const file = ref<File | null>(null)
  const mapping = ref<ImportMapping>({})
  const sentShare = ref(0)
  const tooLarge = ref<string | null>(null)

  const preview = useMutation({
    mutation: (chosen: File) => call('POST /crm/leads/import/preview', { body: previewForm(chosen) }),
    onSuccess: (seen) => (mapping.value = { ...seen.mapping }),
  })
  const upload = useMutation({
    onMutate: () => {
      sentShare.value = 0
    },
    mutation: (chosen: File) => uploadImport(importForm(chosen, mapping.value), (share) => (sentShare.value = share)),
  })
  const step = computed<ImportStep>(() => {
    if (upload.isLoading.value) return 'sending'
    if (upload.data.value) return 'done'
    return preview.data.value ? 'review' : 'choose'
  })
  const message = computed(() => tooLarge.value ?? upload.error.value?.message ?? preview.error.value?.message ?? null)

  function reset(): void {
    preview.reset()
    upload.reset()
    file.value = null
    mapping.value = {}
    tooLarge.value = null
  }

  function chooseFile(chosen: File): void {
    reset()
    const most = staff.me?.importMaximumBytes ?? Infinity
    if (chosen.size > most) {
      tooLarge.value = words.imports.tooLarge(chosen.name, chosen.size, most)
      return
    }
    file.value = chosen
    preview.mutate(chosen)
  }

  /** Says which column of the file holds a field; none without `header`. */
  function map(field: LeadField, header: string | undefined): void {
    const { [field]: _before, ...others } = mapping.value
    mapping.value = header ? { ...others, [field]: header } : others
  }

  /** Sends the whole file; true once its rows are imported. */
  async function send(): Promise<boolean> {
    if (!file.value) return false
    return upload.mutateAsync(file.value).then(
      () => true,
      () => false,
    )
  }

  return {
    step,
    file,
    preview: preview.data,
    busy: preview.isLoading,
    mapping,
    sentShare,
    result: upload.data,
    message,
    canSend: computed(() => Boolean(mapping.value.email)),
    reset,
    chooseFile,
    map,
    send,
  }
}

function previewForm(file: File): FormData {
  const form = new FormData()
  form.append('file', file.slice(0, previewBytes, file.type), file.name)
  return form
}

/** The server streams the file, so it must know the mapping before the first byte of it. */
function importForm(file: File, mapping: ImportMapping): FormData {
  const form = new FormData()
  form.append('mapping', JSON.stringify(mapping))
  form.append('file', file, file.name)
  return form
}
