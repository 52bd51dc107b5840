import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { NoBody, strict } from '@rollcall/shared'
import { signInCookie } from '../vendor/better-auth.ts'
import type { Server } from './server.ts'

/** Adds `GET /openapi.json` and the pages at /docs, which describe the routes that are registered after this call. */
export async function describeApi(server: Server, publicUrl: string): Promise<void> {
  await server.register(swagger, {
    // Without this, the plugin would describe a body that may be left out as required.
    transform: ({ schema, url }) => ({ schema: schema.body === NoBody ? { ...schema, body: undefined } : schema, url }),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rollcall',
        description:
          'Activates CRM leads in bulk. Programs sign in with an API key in `x-api-key`; it has the role of the person who made it.',
        version: '0.1.0',
      },
      servers: [{ url: publicUrl }],
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
          cookie: { type: 'apiKey', in: 'cookie', name: signInCookie },
        },
      },
      security: [{ apiKey: [] }, { cookie: [] }],
    },
  })
  // The validator badge is left out, because it calls another host.
  await server.register(swaggerUi, { routePrefix: '/docs', uiConfig: { validatorUrl: null } })
  server.get('/openapi.json', { schema: { hide: true, querystring: strict({}) } }, async () => server.swagger())
}
