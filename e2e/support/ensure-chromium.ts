import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findChromium } from './find-chromium.ts'

/**
 * Run before the tests: the journeys need a real Chromium, and a journey that is skipped tells nothing. Installs it where
 * that is one command (root on Debian or Ubuntu); elsewhere ends with what to do.
 */
function ensureChromium(): void {
  if (findChromium() !== null) return
  if (mayInstall() && install() && findChromium() !== null) return
  console.error(
    'The browser tests need Chromium and none was found: install it (Debian, Ubuntu: apt-get install chromium), or set CHROMIUM_PATH to the program of a Chromium or Google Chrome.',
  )
  process.exit(1)
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && !process.env.CHROMIUM_PATH
}

function install(): boolean {
  console.log('Installing Chromium for the browser tests (apt-get install chromium)…')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return [['update'], ['install', '-y', '--no-install-recommends', 'chromium']].every((parameters) => {
    const { status, stdout, stderr } = spawnSync('apt-get', parameters, { env, encoding: 'utf8' })
    if (status !== 0) console.error(`${stdout ?? ''}${stderr ?? ''}`.trim())
    return status === 0
  })
}

ensureChromium()
