import type { FastifyRequest, FastifySchemaValidationError } from 'fastify'
import {
  LeadDetail,
  LeadFacets,
  LeadFilter,
  LeadsCount,
  LeadsCreated,
  LeadsList,
  LeadsQuery,
  NewLeads,
  strict,
  Uuid,
} from '@rollcall/shared'
import type { Database } from '../db/database.ts'
import { answers, ok } from '../http/envelope.ts'
import { requireRole } from '../http/authorization.ts'
import type { Server } from '../http/server.ts'
import { importRoutes } from './import/imports.routes.ts'
import { addLeads, leadDetail, leadFacets, type LeadContext } from './leads.usecases.ts'
import { countOfLeads, pageOfLeads } from './search/search.usecases.ts'

/** The longest body, in bytes: it has room for a thousand leads with notes. */
const bodyLimit = 8 * 1024 * 1024

const totalsTold =
  'Where counting would take longer than a page may, among very many leads, `total` is an estimate and `totalIsExact` is ' +
  'false; `GET /crm/leads/count` then gives the exact number. Following pages carry the total of the first one.'

/** Adds the routes for leads: the list, one lead, new leads, and files of leads. */
export async function leadsRoutes(
  server: Server,
  options: LeadContext & {
    database: Database
    /** The folder in which uploads are kept while they come in. */
    spoolFolder: string
  },
): Promise<void> {
  const { database } = options
  await server.register(importRoutes, { database, spoolFolder: options.spoolFolder })

  server.get(
    '/crm/leads',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'Lists leads, the newest first unless `sort` says otherwise',
        description: totalsTold,
        tags: ['leads'],
        querystring: LeadsQuery,
        response: answers(LeadsList),
      },
    },
    async (request) => ok(await pageOfLeads(database, request.query)),
  )

  server.get(
    '/crm/leads/count',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'Counts the leads that a filter means, exactly',
        tags: ['leads'],
        querystring: LeadFilter,
        response: answers(LeadsCount),
      },
    },
    async (request) => ok({ total: await countOfLeads(database, request.query) }),
  )

  server.get(
    '/crm/leads/facets',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'Lists the sources and owners that leads have',
        tags: ['leads'],
        response: answers(LeadFacets),
      },
    },
    async () => ok(await leadFacets(database)),
  )

  server.get(
    '/crm/leads/:id',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'Shows a lead, its account, and every session it was in',
        tags: ['leads'],
        params: strict({ id: Uuid }),
        response: answers(LeadDetail),
      },
    },
    async (request) => ok(await leadDetail(database, request.params.id, options)),
  )

  server.post(
    '/crm/leads',
    {
      onRequest: requireRole('admin'),
      bodyLimit,
      // `addLeads` refuses a text that cannot be stored with the number of the lead and the name of the field.
      config: { checksTextItself: true },
      attachValidation: true,
      schema: {
        summary: 'Adds one lead or up to 1,000, all or none; an address that is known is updated',
        description:
          '201 when a lead was created, 200 when all were known. An empty or missing field leaves what is stored.',
        tags: ['leads'],
        body: NewLeads,
        response: { ...answers(LeadsCreated), ...answers(LeadsCreated, 201) },
      },
    },
    async (request, reply) => {
      if (request.validationError !== undefined) throw problemOfThisShape(request.validationError, request.body)
      const given = 'leads' in request.body ? request.body.leads : [request.body]
      const result = await addLeads(database, given)
      return reply.code(result.created > 0 ? 201 : 200).send(ok(result))
    },
  )
}

type ValidationError = NonNullable<FastifyRequest['validationError']>

/** Keeps only the problems of the shape that was meant. The body may be one lead or many, and validation reports what is wrong with either. */
function problemOfThisShape(error: ValidationError, body: unknown): ValidationError {
  const many = typeof body === 'object' && body !== null && 'leads' in body
  const all = error.validation as FastifySchemaValidationError[]
  const problems = all.filter(
    ({ keyword, instancePath, params }) =>
      instancePath.startsWith('/leads') === many && keyword !== 'anyOf' && params.missingProperty !== 'leads',
  )
  if (problems.length > 0) error.validation = problems
  return error
}
