import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { prepareDataDirectory, storedSecret } from './data-directory.ts'

const root = mkdtempSync(path.join(tmpdir(), 'rollcall-data-directory-'))
afterAll(() => rmSync(root, { recursive: true }))

let folder = ''
let tests = 0
beforeEach(() => (folder = path.join(root, String((tests += 1)))))

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  throw new Error('Nothing was refused.')
}

/** As at a start: the directory first, then the secret. */
function secretAtStart(): string {
  prepareDataDirectory(folder)
  return storedSecret(folder)
}

const cannotBeUsed = /^DATA_DIR cannot be used \(.*\); it must be a folder that Rollcall may write\.$/

describe('the stored secret', () => {
  it('is made once, kept for nobody else to read, and the same at the next start', () => {
    const first = secretAtStart()
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(secretAtStart()).toBe(first)
    expect(readFileSync(path.join(folder, 'secret'), 'utf8')).toBe(first)
    expect(statSync(path.join(folder, 'secret')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['secret'])
  })

  it('is not taken from a file that was cut off', () => {
    mkdirSync(folder)
    for (const damaged of ['', 'abc']) {
      writeFileSync(path.join(folder, 'secret'), damaged)
      expect(refusal(secretAtStart)).toMatch(/^DATA_DIR has a damaged file/)
    }
  })

  it('cannot be kept where the data directory is no folder, which is said in one line', () => {
    writeFileSync(folder, '')
    expect(refusal(() => storedSecret(folder))).toMatch(cannotBeUsed)
    expect(refusal(() => storedSecret(path.join(folder, 'below')))).toMatch(cannotBeUsed)
  })
})

describe('the data directory', () => {
  it('is made with the folders above it, and nothing is left in it', () => {
    const deep = path.join(folder, 'a', 'b')
    prepareDataDirectory(deep)
    expect(readdirSync(deep)).toEqual([])
  })

  it('is refused in one line where it cannot be made or written', () => {
    // Nobody can make anything in /proc, and a link to nowhere is no folder.
    symlinkSync(path.join(root, 'nowhere'), folder)
    for (const wrong of ['/proc/x', '/proc/x/y', '/proc/self', folder])
      expect.soft(refusal(() => prepareDataDirectory(wrong))).toMatch(cannotBeUsed)
  })
})
