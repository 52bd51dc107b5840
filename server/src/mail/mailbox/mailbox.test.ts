import { once } from 'node:events'
import net from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { List, MailboxMessage, MailboxMessageDetail, Role } from '@rollcall/shared'
import { until } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { keepLog, troubles } from '../../../test/app/log.ts'
import { openDatabase, openPool } from '../../db/database.ts'
import { decorateWithStaff } from '../../http/authorization.ts'
import { createServer, type Server } from '../../http/server.ts'
import { composeMail, composeTemplate } from '../composing/compose.ts'
import { mailboxRoutes } from './mailbox.routes.ts'
import { startMailbox, type Mailbox } from './mailbox.ts'
import { parseSmtpUrl } from '../smtp/settings.ts'
import { createSmtpSender } from '../smtp/sender.ts'
import { defaultTemplate } from '../composing/template.ts'
import type { Delivery, SmtpSender } from '../smtp/types.ts'

const logger = pino({ level: 'silent' })
const composed = composeTemplate(defaultTemplate, { name: 'Rollcall', address: 'no-reply@localhost' }, { linkDays: 7 })

let database: TestDatabase
let mailbox: Mailbox
let sender: SmtpSender
let server: Server
let role: Role = 'admin'

function senderTo(url: string): SmtpSender {
  const parsed = parseSmtpUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  return createSmtpSender({ settings: parsed.settings, logger })
}

beforeAll(async () => {
  database = await createTestDatabase()
  mailbox = await startMailbox({ database: database.database, logger })
  sender = senderTo(`${mailbox.url}?connections=20`)
  server = await createServer({ logger, https: false })
  decorateWithStaff(server, {
    identify: async () => ({ id: '1', name: 'Ada', email: 'ada@x.test', role, sessionExpiresAt: null }),
    allowedOrigins: [],
  })
  await server.register(mailboxRoutes, { database: database.database })
})

beforeEach(async () => {
  role = 'admin'
  await database.pool.query('DELETE FROM mailbox_messages')
})

afterAll(async () => {
  await sender.close()
  await mailbox.close()
  await server.close()
  await database.close()
})

function sendRaw(to: string, raw: string, over = sender): Promise<Delivery> {
  return over.send({ from: 'no-reply@localhost', to, gate: async () => true, body: () => raw })
}

function mailTo(to: string, firstName: string): string {
  return composeMail(composed, {
    to,
    firstName,
    lastName: '',
    link: 'https://crm.test/activate/token',
    messageId: `<${to}>`,
    date: new Date('2027-01-01T12:00:00Z'),
  })
}

interface Body {
  code?: string
  /** The list or one message, whichever the path asks for; the type has the fields of both. */
  data: List<MailboxMessage> & MailboxMessageDetail
}

async function get(path: string): Promise<{ status: number; body: Body }> {
  const answer = await server.inject(path)
  return { status: answer.statusCode, body: answer.json() }
}

async function list(parameters = ''): Promise<List<MailboxMessage>> {
  return (await get(`/mailbox/messages${parameters}`)).body.data
}

async function firstId(): Promise<string> {
  return (await list()).items[0]?.id ?? ''
}

describe('the built-in mailbox', () => {
  it('the built-in mailbox has stored a mail byte for byte by the time it accepts it', async () => {
    const addresses = Array.from({ length: 300 }, (_, index) => `person${index}@x.test`)
    const deliveries = await Promise.all(
      addresses.map(async (to) => {
        const delivery = await sendRaw(to, mailTo(to, 'Ada'))
        const { rows } = await database.pool.query('SELECT raw FROM mailbox_messages WHERE recipient = $1', [to])
        return {
          kind: delivery.kind,
          isStored: rows.length === 1 && Buffer.from(mailTo(to, 'Ada')).equals(rows[0].raw),
        }
      }),
    )
    expect(deliveries).toEqual(addresses.map(() => ({ kind: 'sent', isStored: true })))
  })

  it('a mail is stored once in the built-in mailbox when the database goes away and comes back', async () => {
    const pool = openPool(database.url, { maximum: 2, onError: () => {} })
    const own = await startMailbox({ database: openDatabase(pool), logger })
    const over = senderTo(own.url)
    await database.pool.query('ALTER TABLE mailbox_messages RENAME TO mailbox_messages_away')
    const sending = sendRaw('late@x.test', mailTo('late@x.test', 'Ada'), over)
    await database.pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    )
    await database.pool.query('ALTER TABLE mailbox_messages_away RENAME TO mailbox_messages')
    expect((await sending).kind).toBe('sent')
    const { rows } = await database.pool.query('SELECT recipient FROM mailbox_messages')
    expect(rows).toEqual([{ recipient: 'late@x.test' }])
    await over.close()
    await own.close()
    await pool.end()
  })

  it('a client that goes away in the middle of a mail leaves no mail in the built-in mailbox and no error in the log', async () => {
    const { logger: kept, lines } = keepLog()
    const own = await startMailbox({ database: database.database, logger: kept })
    const client = net.connect(Number(new URL(own.url).port), '127.0.0.1')
    const says = async (text: string) => client.write(text) && once(client, 'data')
    await once(client, 'data')
    await says('HELO x.test\r\n')
    await says('MAIL FROM:<a@x.test>\r\n')
    await says('RCPT TO:<b@x.test>\r\n')
    await says('DATA\r\n')
    client.end('Subject: half a ma')
    await until(
      async () => lines.map(({ msg }) => msg),
      (told) => told.includes('a mail did not reach the built-in mailbox whole'),
    )
    expect(troubles(lines)).toEqual([])
    expect((await list()).items).toEqual([])
    await own.close()
  })

  it('the built-in mailbox stores whatever is handed over, also what is hardly a mail', async () => {
    expect((await sendRaw('a@x.test', 'no header at all')).kind).toBe('sent')
    expect(
      (await sendRaw('b@x.test', 'Subject: =?UTF-8?B?4pyTIGRvbmU=?=\r\n =?UTF-8?Q?_=C3=A9?=\r\n\r\n\0\r\n')).kind,
    ).toBe('sent')
    const { items } = await list()
    expect(items.map((item) => item.subject)).toEqual(['✓ done é', ''])
    const opened = await get(`/mailbox/messages/${items[1]?.id}`)
    expect(opened).toMatchObject({ status: 200, body: { data: { to: 'a@x.test', from: 'no-reply@localhost' } } })
  })
})

describe('GET /mailbox/messages', () => {
  it('the list of mails has the newest first, page by page, with the total', async () => {
    for (const name of ['one', 'two', 'three']) await sendRaw(`${name}@x.test`, mailTo(`${name}@x.test`, name))
    const first = await list('?limit=2')
    expect(first).toMatchObject({
      items: [
        { to: 'three@x.test', subject: 'three, your account is ready' },
        { to: 'two@x.test', subject: 'two, your account is ready' },
      ],
      total: 3,
    })
    const second = await list(`?limit=2&cursor=${first.nextCursor}`)
    expect(second).toMatchObject({ items: [{ to: 'one@x.test' }], nextCursor: null, total: 3 })
  })

  it('the list of mails keeps its order where the numbers of the mails get longer', async () => {
    await database.pool.query('ALTER TABLE mailbox_messages ALTER COLUMN id RESTART WITH 999998')
    const names = ['one', 'two', 'three', 'four']
    for (const name of names) await sendRaw(`${name}@x.test`, mailTo(`${name}@x.test`, name))
    const first = await list('?limit=3')
    const second = await list(`?limit=3&cursor=${first.nextCursor}`)
    expect([...first.items, ...second.items].map(({ to }) => to)).toEqual(
      names.toReversed().map((name) => `${name}@x.test`),
    )
  })

  it('a mail is found by words of its recipient and of its subject, in upper or lower case', async () => {
    for (const name of ['Ünal', 'Ada', 'Bob_1'])
      await sendRaw(`${name.length}${name.at(-1)}@x.test`, mailTo('a@x.test', name))
    const found = async (q: string): Promise<string[]> =>
      (await list(`?q=${encodeURIComponent(q)}`)).items.map((item) => item.to)
    expect(await found('ünal READY')).toEqual(['4l@x.test'])
    expect(await found('5')).toEqual(['51@x.test'])
    expect(await found('b_1')).toEqual(['51@x.test'])
    expect(await found('%')).toEqual([])
    expect(await found('nobody')).toEqual([])
  })

  it('mails are shown to admins only', async () => {
    role = 'support'
    expect(await get('/mailbox/messages')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
    expect(await get('/mailbox/messages/1')).toMatchObject({ status: 403 })
  })

  it('the list of mails refuses a cursor that it never gave out', async () => {
    expect(await get('/mailbox/messages?cursor=nonsense')).toMatchObject({ status: 400, body: { code: 'BAD_CURSOR' } })
  })
})

describe('GET /mailbox/messages/:id', () => {
  it('a mail is opened with its parts', async () => {
    await sendRaw('ada@x.test', mailTo('ada@x.test', '<b>Ada</b>'))
    const { status, body } = await get(`/mailbox/messages/${await firstId()}`)
    expect(status).toBe(200)
    expect(body.data).toMatchObject({
      ...(await list()).items[0],
      from: 'Rollcall <no-reply@localhost>',
      messageId: '<ada@x.test>',
      html: expect.stringContaining('Hello &lt;b&gt;Ada&lt;/b&gt;,'),
      text: expect.stringContaining('https://crm.test/activate/token'),
    })
  })

  it('an id that no mail has is answered with MESSAGE_NOT_FOUND, whatever it looks like', async () => {
    for (const id of ['1', '999999999999999999', '9999999999999999999999', 'x', '-1'])
      expect(await get(`/mailbox/messages/${id}`), id).toMatchObject({
        status: 404,
        body: { code: 'MESSAGE_NOT_FOUND' },
      })
  })
})
