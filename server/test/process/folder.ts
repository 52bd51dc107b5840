import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * An empty folder of its own that every system user may enter. Where root runs Rollcall, PostgreSQL runs as another user; its
 * database would lie elsewhere if that one could not enter, and outlive the folder.
 */
export async function makeFolder(prefix: string, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(path.join(parent, prefix))
  await chmod(folder, 0o755)
  return folder
}
