import { accessSync, constants } from 'node:fs'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Finds the program of a Chromium on this machine: the one in CHROMIUM_PATH and no other where that is set; null where there is none. */
export function findChromium(): string | null {
  const chosen = process.env.CHROMIUM_PATH
  return (chosen ? [chosen] : places).find(isProgram) ?? null
}

/** Tells whether a file can be run. */
export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
