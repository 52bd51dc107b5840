import { spawnSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import type { Application } from './application.ts'

/** A user of the operating system. */
export interface SystemUser {
  uid: number
  gid: number
}

const defaultUser = 'postgres'

/**
 * Returns the system user that PostgreSQL runs as, or null for the user of this process, which is right wherever that is not root.
 * PostgreSQL refuses to run as root and wants to own its files, so root runs it as the owner of an existing `home`, or as
 * `postgres`, which is created where it is missing. Throws an Error with one sentence where there is no such user.
 */
export async function chooseSystemUser(home: string | null, application: Application): Promise<SystemUser | null> {
  const ownUid = process.getuid?.()
  if (ownUid === undefined) return null
  const owner = home === null ? null : await stat(home)
  if (ownUid !== 0) {
    if (owner !== null && owner.uid !== ownUid)
      throw new Error(
        `The database in ${home} belongs to another system user (${owner.uid}): start ${application.name} as that user, or as root.`,
      )
    return null
  }
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  return findUser(defaultUser) ?? createUser(defaultUser, application)
}

/** True when this user can enter the folder, whatever decides it: modes, groups or access lists. */
export function canEnter(user: SystemUser | null, folder: string, application: Application): boolean {
  if (user === null) return true
  const { status, error } = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...user, cwd: '/' })
  if (error !== undefined)
    throw new Error(
      `PostgreSQL does not run as root, and this machine does not let ${application.name} run it as another user (${error.message}): start ${application.name} as an ordinary user, or give ${application.settings.databaseUrl}.`,
    )
  return status === 0
}

function findUser(name: string): SystemUser | null {
  const ids = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
  const [uid, gid] = ids.map(({ status, stdout }) => (status === 0 ? Number(stdout) : NaN))
  if (!uid || !gid) return null
  return { uid, gid }
}

/** Creates a system user with the command of most Linux systems, or else with the one of Alpine. */
function createUser(name: string, application: Application): SystemUser {
  const commands: [string, ...string[]][] = [
    ['useradd', '--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name],
    ['adduser', '-S', '-H', '-D', '-s', '/sbin/nologin', name],
  ]
  for (const [command, ...parameters] of commands) {
    spawnSync(command, parameters)
    const user = findUser(name)
    if (user !== null) return user
  }
  throw new Error(
    `PostgreSQL does not run as root, and the system user "${name}" could not be created: start ${application.name} as an ordinary user, or give ${application.settings.databaseUrl}.`,
  )
}
