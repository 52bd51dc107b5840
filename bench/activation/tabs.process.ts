import type { Progress } from '../../shared/src/index.ts'
import { answerRequests } from '../support/processes.ts'

/** Tabs that watch one session; they have a process of their own, so that they slow nothing else down. */
interface Watch {
  url: string
  headers: Record<string, string>
  sessionId: string
  tabs: number
}

interface Tab {
  frames: number
  progress: Progress
}

/** Opens the tabs; resolves once each of them was told that the session is completed. */
async function watch({ url, headers, sessionId, tabs }: Watch): Promise<{ frames: number; progress: Progress }> {
  const seen = await Promise.all(Array.from({ length: tabs }, () => openTab(url, headers, sessionId)))
  return { frames: seen.reduce((sum, tab) => sum + tab.frames, 0), progress: (seen[0] as Tab).progress }
}

function openTab(url: string, headers: Record<string, string>, sessionId: string): Promise<Tab> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/crm/activation/live`, { headers })
    let frames = 0
    let completed = false
    socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'subscribe', sessionId })))
    socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(String(data)) as { type: string; data: Progress }
      if (frame.type !== 'progress') return
      frames += 1
      if (!frame.data.completed) return
      completed = true
      socket.close()
      resolve({ frames, progress: frame.data })
    })
    socket.addEventListener('error', () => reject(new Error('A tab could not open its connection.')))
    socket.addEventListener('close', ({ code }) => {
      if (!completed) reject(new Error(`A tab lost its connection: ${code}.`))
    })
  })
}

answerRequests((request) => watch(request as Watch))
