import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Creates an empty folder that every system user may enter. Where root runs Rollcall, PostgreSQL runs as another user; if that
 * user could not enter the folder, its database would lie elsewhere and outlive the folder.
 */
export async function makeFolder(prefix: string, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(path.join(parent, prefix))
  await chmod(folder, 0o755)
  return folder
}
