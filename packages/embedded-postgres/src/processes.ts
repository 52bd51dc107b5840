import { spawn } from 'node:child_process'
import type { SystemUser } from './system-user.ts'

/** Makes the options for spawning PostgreSQL's processes. Their environment has no variable of the application and makes their messages English. */
export function spawnOptions(user: SystemUser | null) {
  return { ...user, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
}

/** Runs a binary to its end. `code` is null where it was not started or ended by a signal; `text` is the end of what it wrote. */
export async function runBinary(
  binary: string,
  user: SystemUser | null,
  parameters: string[],
): Promise<{ code: number | null; text: string }> {
  const child = spawn(binary, parameters, { ...spawnOptions(user), stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const collect = (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000))
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      text += error.message
      resolve(null)
    })
    child.on('close', resolve)
  })
  return { code, text: text.trim() }
}

/** True when a process with this id runs. It may belong to another user, and after a crash it may be another program. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
