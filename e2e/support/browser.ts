import { type Browser, type BrowserContext, chromium, type LaunchOptions } from 'playwright-core'
import { findChromium } from './find-chromium.ts'

/** The options of a browser that sends no requests of its own to other hosts. */
function launchOptions(): LaunchOptions {
  const executablePath = findChromium()
  if (executablePath === null) throw new Error('No Chromium was found; npm test says how to get one.')
  return {
    executablePath,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--headless',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  }
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch(launchOptions())
}

/** Opens a browser whose cookies and storage are kept in a folder, so that it can be closed and opened again. */
export function openProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, launchOptions())
}
