import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findChromium, isProgram } from './find-chromium.ts'

/** A program that the tests need beside what npm brings, and the Debian package that has it. */
interface NeededProgram {
  package: string
  found: () => boolean
  /** What a person can do instead of installing the package. */
  instead?: string
}

const needed: NeededProgram[] = [
  {
    package: 'chromium',
    found: () => findChromium() !== null,
    instead: 'or set CHROMIUM_PATH to the program of a Chromium or Google Chrome',
  },
  { package: 'redis-server', found: () => isOnPath('redis-server') },
  { package: 'openssl', found: () => isOnPath('openssl') },
  { package: 'nginx-light', found: () => isOnPath('nginx') },
]

/**
 * Runs before the tests, which use the real programs and are never skipped. Installs the programs that are missing where that is
 * one command (root on Debian or Ubuntu); elsewhere it ends with a sentence that says what to install.
 */
function ensurePrograms(): void {
  const missing = needed.filter(({ found }) => !found())
  if (missing.length === 0) return
  const packages = missing.map((program) => program.package)
  if (mayInstall(packages) && install(packages) && missing.every(({ found }) => found())) return
  const ways = missing.flatMap(({ instead }) => instead ?? [])
  console.error(
    `The tests need programs that were not found here: install ${packages.join(', ')} (Debian, Ubuntu: apt-get install ${packages.join(' ')})${ways.map((way) => `, ${way}`).join('')}.`,
  )
  process.exit(1)
}

function isOnPath(name: string): boolean {
  return `${process.env.PATH}:/usr/sbin:/usr/local/sbin`.split(':').some((folder) => isProgram(`${folder}/${name}`))
}

/** Tells whether packages may be installed: not where CHROMIUM_PATH names a program that does not exist, because that value is to be corrected. */
function mayInstall(packages: string[]): boolean {
  const isNamed = Boolean(process.env.CHROMIUM_PATH) && packages.includes('chromium')
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && !isNamed
}

function install(packages: string[]): boolean {
  console.log(`Installing what the tests need (apt-get install ${packages.join(' ')})…`)
  // At run level 1 Debian's packages start no services.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  return [['update'], ['install', '-y', '--no-install-recommends', ...packages]].every((parameters) => {
    const { status, stdout, stderr } = spawnSync('apt-get', parameters, { env, encoding: 'utf8' })
    if (status !== 0) console.error(`${stdout ?? ''}${stderr ?? ''}`.trim())
    return status === 0
  })
}

ensurePrograms()
