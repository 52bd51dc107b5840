import os from 'node:os'

/**
 * Returns the megabytes for `shared_buffers`: an eighth of the memory that the machine, or the container, has, but 256 at least and 2048 at
 * most, in which a million rows with their indexes fit. Pages that are there need not be fetched from the operating system one by
 * one. PostgreSQL takes only what it uses. `constrained` is the container's limit in bytes, 0 where it is unknown.
 */
export function sharedBuffersMegabytes(constrained = process.constrainedMemory(), ofMachine = os.totalmem()): number {
  const available = constrained > 0 ? Math.min(constrained, ofMachine) : ofMachine
  return Math.min(2048, Math.max(256, Math.floor(available / 8 / 2 ** 20)))
}

/** PostgreSQL's settings where the application gives none of its own. */
export const defaultSettings: Readonly<Record<string, string>> = {
  max_connections: '100',
  shared_buffers: `${sharedBuffersMegabytes()}MB`,
  max_wal_size: '2GB',
  // What is read is mostly in the system's cache: asking another process to fetch it takes longer than fetching it.
  io_method: 'sync',
  // These are PostgreSQL's defaults. They are given here too, so that no configuration file can make a commit less than stored.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Statements are small and many; a parallel plan would also need more shared memory than a container gives.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The log is for faults of the server. Details and statements would show stored data, so they are left out of it.
  log_checkpoints: 'off',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  // A statement whose client was killed ends within a second, and frees its locks. Windows does not have this setting.
  ...(process.platform === 'win32' ? {} : { client_connection_check_interval: '1000' }),
}

/** The settings that no application can change, because this package relies on them. */
export function fixedSettings(port: number): Record<string, string> {
  return {
    port: String(port),
    listen_addresses: '127.0.0.1',
    // The path of a socket may have about 100 characters, and a data folder lies anywhere.
    unix_socket_directories: '',
  }
}
