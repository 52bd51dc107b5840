import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Application } from './application.ts'

/**
 * Makes a folder in the application's shared folder, readable for every user.
 * Throws an Error with one sentence where this process may not.
 */
export async function makeSharedFolder(name: string, application: Application): Promise<string> {
  const folder = path.join(application.sharedFolder, name)
  try {
    await mkdir(folder, { recursive: true })
    // The mode is set afterwards, because the mask of the process may have narrowed it.
    for (const each of [application.sharedFolder, folder]) await chmod(each, 0o755)
    return folder
  } catch (error) {
    throw new Error(
      `The system user of PostgreSQL cannot enter the folders ${application.name} is in, and ${folder} cannot be made (${(error as Error).message}): set ${application.settings.dataDirectory} to a folder that every user can enter, or give ${application.settings.databaseUrl}.`,
      { cause: error },
    )
  }
}

/** Lets every user read what is in the folder, and run what its owner may run. */
export async function openToEveryUser(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const file = path.join(entry.parentPath, entry.name)
    const { mode } = await stat(file)
    await chmod(file, mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6))
  }
}

/** Renames a finished folder to its name. Where another process was faster, its folder stays and the unfinished one is removed. */
export async function moveIntoPlace(unfinished: string, folder: string): Promise<void> {
  await rename(unfinished, folder).catch(async (error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(error.code ?? '') || !existsSync(folder)) throw error
    await rm(unfinished, { recursive: true, force: true })
  })
}
