import { WebSocket } from 'ws'
import type { Progress, ServerFrame } from '@rollcall/shared'

/** A tab that does what the contract asks of a client: it keeps the highest version, and connects again when its connection ends. */
export interface Tab {
  /** The newest progress that it was sent. */
  readonly progress: Progress | null
  /** How often it was connected. */
  readonly connections: number
  /** The close codes of those of its connections that had been open. */
  readonly closeCodes: number[]
  /** What the tab was sent and must never be sent: lower numbers after higher ones, or a zero after there was something. */
  readonly violations: string[]
  close(): void
}

/** Milliseconds before a tab connects again at most, as long as a browser waits the first time. */
const reconnectWithin = 1000

/** Opens a tab on a session behind `url`; its first attempt is made at once. */
export function openTab(url: string, headers: Record<string, string>, sessionId: string): Tab {
  const violations: string[] = []
  const codes: number[] = []
  let progress: Progress | null = null
  let connections = 0
  let closed = false
  let socket: WebSocket
  let timer: NodeJS.Timeout | undefined

  function connect(): void {
    let wasOpen = false
    socket = new WebSocket(`${url.replace('http', 'ws')}/crm/activation/live`, { headers, handshakeTimeout: 2500 })
    socket.on('open', () => {
      wasOpen = true
      connections += 1
      socket.send(JSON.stringify({ type: 'subscribe', sessionId }))
    })
    socket.on('message', (data: Buffer) => take(JSON.parse(data.toString('utf8')) as ServerFrame))
    socket.on('error', () => undefined)
    socket.on('close', (code) => {
      if (wasOpen) codes.push(code)
      if (!closed) timer = setTimeout(connect, Math.random() * reconnectWithin)
    })
  }

  function take(frame: ServerFrame): void {
    if (frame.type === 'error') violations.push(JSON.stringify(frame))
    if (frame.type !== 'progress') return
    const problem = progress === null ? null : problemBetween(progress, frame.data)
    if (problem !== null) violations.push(`${problem}: ${JSON.stringify([progress, frame.data])}`)
    progress = frame.data
  }

  connect()
  return {
    get progress() {
      return progress
    },
    get connections() {
      return connections
    },
    closeCodes: codes,
    violations,
    close() {
      closed = true
      clearTimeout(timer)
      socket.terminate()
    },
  }
}

/** Returns what is wrong with a progress that came after another, in a session of which nothing is retried; null where it is right. */
export function problemBetween(before: Progress, after: Progress): string | null {
  if (after.version < before.version) return 'the version went back'
  if (after.version === before.version && JSON.stringify(after) !== JSON.stringify(before))
    return 'one version has two sets of numbers'
  if (after.total !== before.total) return 'the total changed'
  for (const count of ['created', 'existing', 'failed', 'cancelled'] as const)
    if (after.accounts[count] < before.accounts[count]) return `accounts ${count} went back`
  for (const count of ['sent', 'failed', 'unconfirmed', 'skipped', 'cancelled'] as const)
    if (after.mails[count] < before.mails[count]) return `mails ${count} went back`
  return null
}
