import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import type { ImportResult, Lead, List, Role } from '@rollcall/shared'
import { createTestDatabase } from '../database/database.ts'
import { decorateWithStaff } from '../../src/http/authorization.ts'
import { createServer } from '../../src/http/server.ts'
import { leadsRoutes } from '../../src/leads/leads.routes.ts'

export interface Answer<Data> {
  status: number
  data: Data
  code: string
  msg: string
  details: Record<string, unknown>
}

export interface CallOptions {
  /** The role of the caller; null: nobody is signed in. The default is an admin. */
  role?: Role | null
  body?: object
  form?: Buffer
  headers?: Record<string, string>
}

/** Creates a server with the routes of leads on a new database. The header `x-role` stands for a sign-in. */
export async function createLeadsServer() {
  const test = await createTestDatabase()
  const spoolFolder = await mkdtemp(join(tmpdir(), 'rollcall-leads-'))
  const server = await createServer({ logger: pino({ level: 'silent' }), https: false })
  decorateWithStaff(server, {
    allowedOrigins: [],
    identify: async ({ 'x-role': role }) =>
      role === undefined
        ? null
        : { id: 'staff-1', name: 'Grace', email: 'grace@example.org', role: role as Role, sessionExpiresAt: null },
  })
  await server.register(leadsRoutes, {
    database: test.database,
    spoolFolder,
    accountOfLead: async () => null,
    sessionsOfLead: async () => [],
  })

  async function call<Data>(method: 'GET' | 'POST', url: string, options: CallOptions = {}): Promise<Answer<Data>> {
    const role = options.role === undefined ? 'admin' : options.role
    const response = await server.inject({
      method,
      url,
      payload: options.form ?? options.body,
      headers: { ...options.headers, ...(role === null ? {} : { 'x-role': role }) },
    })
    return { status: response.statusCode, ...response.json<Omit<Answer<Data>, 'status'>>() }
  }

  return {
    ...test,
    server,
    spoolFolder,
    call,
    /** Imports a file, with the given mapping or without one. */
    async upload(file: string | Buffer, mapping?: object): Promise<Answer<ImportResult>> {
      const parts = { ...(mapping === undefined ? {} : { mapping: JSON.stringify(mapping) }), file }
      return call('POST', '/crm/leads/import', await formOf(parts))
    },
    /** Returns up to 500 leads in the order of their addresses. */
    async everything(): Promise<Lead[]> {
      const { data } = await call<List<Lead>>('GET', '/crm/leads?sort=email&limit=500', { role: 'support' })
      return data.items
    },
    async empty() {
      await test.database.execute(sql`TRUNCATE leads, imports, import_rejections CASCADE`)
    },
    async close() {
      await server.close()
      await rm(spoolFolder, { recursive: true })
      await test.close()
    },
  }
}

/** Encodes a form with these parts. The part `file` is sent as a file, and every other as a text. */
export async function formOf(
  parts: Record<string, string | Buffer>,
): Promise<{ form: Buffer; headers: Record<string, string> }> {
  const data = new FormData()
  for (const [name, part] of Object.entries(parts)) {
    if (name === 'file') data.append(name, new Blob([Buffer.from(part)]), 'leads.csv')
    else data.append(name, part.toString())
  }
  const encoded = new Response(data)
  const type = encoded.headers.get('content-type') ?? ''
  return { form: Buffer.from(await encoded.arrayBuffer()), headers: { 'content-type': type } }
}
