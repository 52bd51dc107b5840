import path from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, onTestFailed } from 'vitest'
import type { List, MailboxMessage } from '@rollcall/shared'
import { openPool } from '../../server/src/db/database.ts'
import { createTestDatabase } from '../../server/test/database/database.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../server/test/smtp/scripted-smtp-server.ts'
import { launchBrowser } from './browser.ts'
import { type Numbers, watchNumbers } from './numbers.ts'
import { type Api, madeUpLeads, openApi, signInBrowser, type Staff } from './api.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { freePort, type RollcallServer, type ServerOptions, startServer, superadmin } from './server.ts'

/** How many mails are handed over at once, which is also how many can be without an answer when Rollcall is killed. */
export const mailConnections = 4

/** The browser's message where the script that watches the numbers may not run in the frame that shows a mail. */
export const sandboxedMail = /Blocked script execution in 'about:srcdoc'/

interface Options {
  /** How many made-up leads are stored before the journey begins. */
  leads?: number
  /** `smtp`: a mail server that the test starts; `mailbox`: the built-in mailbox of Rollcall. */
  mail?: 'smtp' | 'mailbox'
  /** `shared`: a copy of the template in the tests' PostgreSQL; `embedded`: the embedded PostgreSQL of Rollcall. */
  database?: 'shared' | 'embedded'
  /** Whether browsers connect through a proxy. */
  proxy?: boolean
  /** Starts what the journey runs against, where that is not a single process. */
  start?: (options: ServerOptions) => Promise<RollcallServer>
}

/** A running Rollcall, a browser, and everything that a journey asserts with. */
export interface Journey {
  server: RollcallServer
  browser: Browser
  /** The API as the superadmin calls it. */
  api: Api
  numbers: Numbers
  pool: ReturnType<typeof openPool>
  /** How many milliseconds the mail server takes for each mail, of which it takes `mailConnections` at once. */
  mailDelay: { milliseconds: number }
  smtp: ScriptedSmtpServer
  /** The proxy, where the options ask for one. */
  proxy: Proxy | null
  /** Opens a browser context in which this person is signed in; null: nobody. */
  openBrowser: (who?: Staff | null, options?: BrowserContextOptions) => Promise<BrowserContext>
  /** Watches the numbers and errors of a browser context that was opened in another way. */
  watchOver: (context: BrowserContext) => Promise<void>
  /** Opens a page of the app in a new tab. */
  openTab: (context: BrowserContext, address?: string) => Promise<Page>
  /** Resolves to the recipient of every mail that arrived. */
  received: () => Promise<string[]>
  /** Accepts these messages of the browser, because the journey cuts a connection or provokes a refusal on purpose. */
  provokes: (...words: RegExp[]) => void
  /** Accepts errors in the log of the server, for the same reason. */
  provokesErrors: () => void
  /** Stores a screenshot where E2E_SCREENSHOTS names a folder. */
  picture: (page: Page, name: string) => Promise<void>
}

/** Prepares what the journeys of a file share. After each journey it expects no wrong number on any screen, and no error of a browser or the server. */
export function prepareJourney(options: Options = {}): () => Journey {
  let journey: (Journey & { close(): Promise<void>; problems(): string[] }) | null = null
  beforeAll(async () => {
    journey = await startJourney(options)
  })
  afterEach(() => {
    expect(journey?.problems(), 'what must not happen on any screen').toEqual([])
  })
  afterAll(async () => {
    await journey?.close()
  })
  return () => {
    if (journey === null) throw new Error('The journey has not begun.')
    return journey
  }
}

async function startJourney(options: Options) {
  const closing: (() => unknown)[] = []
  /** Ends everything in reverse order, also after something that cannot be ended; then throws the first failure. */
  const close = async () => {
    const failures: unknown[] = []
    for (const each of closing.toReversed()) await Promise.try(each).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
  try {
    return { ...(await openJourney(options, closing)), close }
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

async function openJourney(options: Options, closing: (() => unknown)[]) {
  const complaints: string[] = []
  const provoked: RegExp[] = []
  const contexts: BrowserContext[] = []
  let errorsProvoked = false
  const mailDelay = { milliseconds: 0 }
  const numbers = watchNumbers()
  const smtp = await startScriptedSmtpServer({
    script: (command) =>
      command === 'DOT' && mailDelay.milliseconds > 0 ? { delay: mailDelay.milliseconds } : undefined,
  })
  closing.push(() => smtp.stop())
  const hasMailbox = options.mail === 'mailbox'
  const shared = options.database === 'embedded' ? null : await createTestDatabase()
  closing.push(() => shared?.close())
  let serverPort = 0
  const proxy = options.proxy ? await startProxy(await freePort(), () => serverPort) : null
  closing.push(() => proxy?.close())
  const server = await (options.start ?? startServer)({
    ...(shared ? { databaseUrl: shared.url } : {}),
    ...(hasMailbox ? {} : { smtpUrl: `${smtp.url}?connections=${mailConnections}&ignoreTLS=true` }),
    ...(proxy ? { publicUrl: proxy.url } : {}),
  })
  serverPort = server.port
  closing.push(() => server.stop())
  const pool = openPool(await server.databaseUrl(), { maximum: 4, onError: () => undefined })
  closing.push(() => pool.end())
  const api = await openApi(server.url)
  for (let first = 1; first <= (options.leads ?? 0); first += 1_000) {
    const count = Math.min(1_000, (options.leads ?? 0) - first + 1)
    await api.post('/crm/leads', { leads: madeUpLeads(count, first) })
  }
  const browser = await launchBrowser()
  closing.push(() => browser.close())

  const journey: Journey = {
    server,
    browser,
    api,
    numbers,
    pool,
    mailDelay,
    smtp,
    proxy,
    async openBrowser(who = superadmin, contextOptions = {}) {
      const context = await browser.newContext({ locale: 'en-GB', ...contextOptions })
      await journey.watchOver(context)
      if (who !== null) await signInBrowser(context, server.url, who)
      return context
    },
    async watchOver(context) {
      contexts.push(context)
      await numbers.watch(context)
      context.on('weberror', (error) => complaints.push(error.error().stack ?? error.error().message))
      context.on('console', (message) => {
        if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`)
      })
      onTestFailed(async () => {
        for (const [index, page] of context.pages().entries()) await journey.picture(page, `failed-${index}`)
      })
    },
    async openTab(context, address = '/leads') {
      const page = await context.newPage()
      await page.goto(`${server.url}${address}`)
      return page
    },
    received: async () => (hasMailbox ? mailboxAddresses(api) : smtp.mails.map((mail) => mail.to.join())),
    provokes: (...words) => void provoked.push(...words),
    provokesErrors: () => void (errorsProvoked = true),
    async picture(page, name) {
      const folder = process.env.E2E_SCREENSHOTS
      const test = path.basename(expect.getState().testPath ?? '', '.test.ts')
      if (folder) await page.screenshot({ path: path.join(folder, `${test}-${name}.png`) }).catch(() => undefined)
    },
  }
  const problems = () => [
    ...numbers.violations.splice(0),
    ...complaints.splice(0).filter((complaint) => !provoked.some((words) => words.test(complaint))),
    ...(errorsProvoked ? [] : server.errors()),
  ]
  return { ...journey, problems }
}

async function mailboxAddresses(api: Api): Promise<string[]> {
  const addresses: string[] = []
  let cursor: string | null = null
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: List<MailboxMessage> = await api.get(`/mailbox/messages?limit=500${after}`)
    addresses.push(...page.items.map(({ to }) => to))
    cursor = page.nextCursor
  } while (cursor !== null)
  return addresses
}
