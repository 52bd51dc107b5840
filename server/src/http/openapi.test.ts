import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type App } from '../../test/app/app.ts'

interface Operation {
  summary?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; schema?: object }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { description?: string; content?: Record<string, { schema?: object }> }>
  security?: object[]
}
interface Description {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { securitySchemes: object }
}

/** The calls that other programs may rely on, and the statuses of their successes. */
const calls: [string, string, string[]][] = [
  ['get', '/health/live', ['200']],
  ['get', '/health/ready', ['200', '503']],
  ['get', '/metrics', ['200']],
  ['post', '/api/auth/sign-in/email', ['200']],
  ['post', '/crm/leads/import', ['200']],
  ['get', '/crm/leads/imports/{importId}/rejections.csv', ['200']],
  ['get', '/crm/leads', ['200']],
  ['get', '/crm/leads/{id}', ['200']],
  ['post', '/crm/leads', ['200', '201']],
  ['post', '/crm/activation/preview', ['200']],
  ['post', '/crm/activation/sessions', ['200', '202']],
  ['get', '/crm/activation/sessions', ['200']],
  ['get', '/crm/activation/sessions/{sessionId}', ['200']],
  ['get', '/crm/activation/progress/{sessionId}', ['200', '304']],
  ['get', '/crm/activation/progress/{sessionId}/stream', ['200']],
  ['get', '/crm/activation/sessions/{sessionId}/snapshots', ['200']],
  ['get', '/crm/activation/sessions/{sessionId}/items', ['200']],
  ['get', '/crm/activation/sessions/{sessionId}/items.csv', ['200']],
  ['post', '/crm/activation/sessions/{sessionId}/pause', ['200']],
  ['post', '/crm/activation/sessions/{sessionId}/resume', ['200']],
  ['post', '/crm/activation/sessions/{sessionId}/cancel', ['200']],
  ['post', '/crm/activation/sessions/{sessionId}/retry', ['200']],
  ['post', '/crm/activation/sessions/{sessionId}/settle', ['200']],
  ['get', '/crm/activation/live', ['101']],
  ['post', '/activation/accept', ['200']],
]
const queries: Record<string, string> = {
  '/crm/leads': 'q status source owner importId sort limit cursor',
  '/crm/activation/sessions': 'active status startedBy from to q limit cursor',
  '/crm/activation/sessions/{sessionId}/snapshots': 'limit',
  '/crm/activation/sessions/{sessionId}/items': 'account mail reason q limit cursor',
  '/crm/activation/sessions/{sessionId}/items.csv': 'account mail reason q',
}

let app: App
let description: Description
beforeAll(async () => {
  app = await createTestApp()
  description = JSON.parse((await app.call('GET', '/openapi.json', { role: null })).text) as Description
})
afterAll(() => app.close())

function operations(): [string, string, Operation][] {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  )
}

describe('the description of the API', () => {
  it('The description of the API is OpenAPI 3.1, and its paths, parameters and schemas are consistent', () => {
    expect(description.openapi).toMatch(/^3\.1\.\d+$/)
    expect(description.info).toMatchObject({ title: 'Rollcall', version: expect.stringMatching(/^\d/) as string })
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const [method, path, operation] of operations()) {
      const name = `${method} ${path}`
      expect.soft(path).toMatch(/^\//)
      const inPath = Array.from(path.matchAll(/\{([^}]+)\}/g), ([, each]) => each)
      const parameters = operation.parameters ?? []
      const declared = parameters.filter((each) => each.in === 'path')
      expect.soft([name, declared.map((each) => each.name)]).toEqual([name, inPath])
      expect.soft([name, declared.every((each) => each.required === true)]).toEqual([name, true])
      const names = parameters.map((each) => `${each.in} ${each.name}`)
      expect.soft([name, new Set(names).size]).toEqual([name, names.length])
      expect.soft([name, Object.keys(operation.responses).length > 0]).toEqual([name, true])
      for (const [status, response] of Object.entries(operation.responses)) {
        expect.soft([name, status]).toEqual([name, expect.stringMatching(/^([1-5]\d\d|[1-5]XX|default)$/)])
        expect.soft([name, typeof response.description]).toEqual([name, 'string'])
      }
      const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((each) =>
        Object.values(each?.content ?? {}),
      )
      for (const schema of [...parameters, ...contents].map((each) => each.schema))
        if (schema !== undefined) expect.soft(ajv.validateSchema(schema), name).toBe(true)
    }
  })

  it('The description of the API has every call that other programs may rely on, with its answers', () => {
    for (const [method, path, statuses] of calls) {
      const call = `${method} ${path}`
      const operation = description.paths[path]?.[method]
      expect.soft(operation?.summary?.length, call).toBeGreaterThan(5)
      expect.soft(Object.keys(operation?.responses ?? {}), call).toEqual(expect.arrayContaining(statuses))
      if (!/^\/(health|metrics)/.test(path)) {
        const failure = operation?.responses['4XX']?.content?.['application/json']?.schema
        expect
          .soft(failure, call)
          .toMatchObject({ required: expect.arrayContaining(['success', 'code', 'msg']) as string[] })
      }
    }
  })

  it('The description of the API has the query parameters of every list, in their order', () => {
    for (const [path, names] of Object.entries(queries)) {
      const query = description.paths[path]?.get?.parameters?.filter((each) => each.in === 'query') ?? []
      expect
        .soft(
          query.map((each) => each.name),
          path,
        )
        .toEqual(names.split(' '))
    }
  })

  it('The description of the API asks for a body only where one is needed', () => {
    const bodies = (path: string) => description.paths[path]?.post?.requestBody?.content
    expect(bodies('/crm/activation/sessions/{sessionId}/retry')).toHaveProperty('application/json')
    for (const command of ['pause', 'resume', 'cancel'])
      expect.soft(bodies(`/crm/activation/sessions/{sessionId}/${command}`)).toBeUndefined()
  })

  it('The description of the API says how one signs in, and which calls need no sign-in', () => {
    expect(description.components.securitySchemes).toMatchObject({
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      cookie: { type: 'apiKey', in: 'cookie', name: 'rollcall.session_token' },
    })
    const open = operations().filter(([, , { security }]) => security?.length === 0)
    expect(open.map(([method, path]) => `${method} ${path}`).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'get /health/live',
      'get /health/ready',
      'get /metrics',
      'post /activation/accept',
      'post /activation/inspect',
      'post /api/auth/sign-in/email',
    ])
  })
})

describe('the pages of the API', () => {
  it('The pages of the API load everything from this server, with nothing in them that the content security policy forbids', async () => {
    const page = await app.call('GET', '/docs/', { role: null })
    expect(page.status).toBe(200)
    const scripts = Array.from(page.text.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g))
    expect(scripts.length).toBeGreaterThan(1)
    for (const [, attributes = '', inside = ''] of scripts) {
      expect(inside.trim()).toBe('')
      expect(attributes).toMatch(/src="\.?\//)
    }
    expect(page.text).not.toMatch(/\son\w+=/)
    const files = Array.from(page.text.matchAll(/(?:src|href)="([^"]+)"/g), ([, address]) => address ?? '')
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      const address = new URL(file, `${app.url}/docs/`)
      expect(address.origin).toBe(app.url)
      expect((await app.call('GET', address.pathname, { role: null })).status).toBe(200)
    }
    const start = await app.call('GET', '/docs/static/swagger-initializer.js', { role: null })
    expect(start.text).toContain('"validatorUrl":null')
  })
})
