import type { ImportMapping, ImportPreview, ImportResult, LeadField } from '@rollcall/shared'
import { computed, ref } from 'vue'
import { call, sentenceOf, uploadImport } from '../api/http.ts'
import { useStaffStore } from '../staff/staff.store.ts'
import { words } from '../words/index.ts'

const previewBytes = 256 * 1024

export type ImportStep = 'choose' | 'review' | 'sending' | 'done'

/** The way of a file: chosen, its columns reviewed, sent, and what became of its rows. */
export function useImport() {
  const staff = useStaffStore()
  const step = ref<ImportStep>('choose')
  const file = ref<File | null>(null)
  const preview = ref<ImportPreview | null>(null)
  const mapping = ref<ImportMapping>({})
  const sentShare = ref(0)
  const result = ref<ImportResult | null>(null)
  const message = ref<string | null>(null)
  const busy = ref(false)

  function reset(): void {
    step.value = 'choose'
    file.value = null
    preview.value = null
    mapping.value = {}
    result.value = null
    message.value = null
    sentShare.value = 0
  }

  /** Sends the first part of the file, which is enough to see its columns. */
  async function chooseFile(chosen: File): Promise<void> {
    reset()
    const most = staff.me?.importMaximumBytes ?? Infinity
    if (chosen.size > most) {
      message.value = words.imports.tooLarge(chosen.name, chosen.size, most)
      return
    }
    file.value = chosen
    busy.value = true
    const form = new FormData()
    form.append('file', chosen.slice(0, previewBytes, chosen.type), chosen.name)
    try {
      preview.value = await call('POST /crm/leads/import/preview', { body: form })
      mapping.value = { ...preview.value.mapping }
      step.value = 'review'
    } catch (error) {
      message.value = sentenceOf(error)
    } finally {
      busy.value = false
    }
  }

  function map(field: LeadField, header: string | undefined): void {
    const { [field]: _before, ...others } = mapping.value
    mapping.value = header ? { ...others, [field]: header } : others
  }

  async function send(): Promise<boolean> {
    if (!file.value) return false
    step.value = 'sending'
    message.value = null
    sentShare.value = 0
    const form = new FormData()
    // The server streams the file, so it must know the mapping before the first byte of it.
    form.append('mapping', JSON.stringify(mapping.value))
    form.append('file', file.value, file.value.name)
    try {
      result.value = await uploadImport(form, (share) => (sentShare.value = share))
      step.value = 'done'
      return true
    } catch (error) {
      message.value = sentenceOf(error)
      step.value = 'review'
      return false
    }
  }

  const canSend = computed(() => Boolean(mapping.value.email))
  return { step, file, preview, mapping, sentShare, result, message, busy, canSend, reset, chooseFile, map, send }
}
