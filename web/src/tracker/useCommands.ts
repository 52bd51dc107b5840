import type { SessionCommand } from '@rollcall/shared/statuses'
import { ref } from 'vue'
import { words } from '../words/index.ts'
import { useTracker } from './tracker.ts'

/** Pausing, resuming and cancelling one session. `busy` is the command under way, `failure` what the card is to say. */
export function useCommands(sessionId: () => string) {
  const tracker = useTracker()
  const busy = ref<SessionCommand | null>(null)
  const failure = ref('')

  async function run(command: SessionCommand): Promise<void> {
    busy.value = command
    failure.value = ''
    try {
      await tracker.runCommand(sessionId(), command)
    } catch (error) {
      const title = words.tracker.commandFailed[command]
      if (tracker.host.notify) tracker.host.notify(title, error)
      else failure.value = error instanceof Error ? `${title}. ${error.message}` : title
    } finally {
      busy.value = null
    }
  }
  return { busy, failure, run }
}
