import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/**
 * Makes a folder in which this process alone keeps uploads while they come in, and returns its path. Removes the folders of
 * processes that no longer run. The caller removes the folder when the process ends.
 */
export async function openSpoolFolder(dataDirectory: string): Promise<string> {
  const uploads = path.join(dataDirectory, 'uploads')
  await mkdir(uploads, { recursive: true })
  for (const name of await readdir(uploads)) {
    const pid = Number(name)
    if (pid === process.pid || !isRunning(pid)) await rm(path.join(uploads, name), { recursive: true, force: true })
  }
  const folder = path.join(uploads, String(process.pid))
  await mkdir(folder, { mode: 0o700 })
  return folder
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
