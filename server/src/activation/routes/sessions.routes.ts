import { Type } from 'typebox'
import {
  sessionCommands,
  listOf,
  NoBody,
  Preview,
  PreviewRequest,
  Progress,
  RetryRequest,
  SessionDetail,
  SessionParams,
  SessionsQuery,
  SettleRequest,
  Snapshots,
  SnapshotsQuery,
  StartRequest,
} from '@rollcall/shared'
import { answers, ok } from '../../http/envelope.ts'
import { requireRole } from '../../http/authorization.ts'
import type { Server } from '../../http/server.ts'
import { latestProgress } from '../history/progress.usecases.ts'
import { pageOfSessions } from '../history/session-list.usecases.ts'
import { sessionDetail, snapshotsOf } from '../history/session-detail.usecases.ts'
import { previewSelection } from '../starting/preview.usecases.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { runCommand, retryMails, markMailsAsSent } from '../commands/commands.usecases.ts'
import { startSession } from '../starting/start.usecases.ts'
import type { SessionTemplate } from '../session/template.ts'

const tags = ['activation']

/** Starting, steering and looking at sessions. */
export async function sessionsRoutes(
  server: Server,
  options: { deps: ActivationDeps; template: () => Promise<SessionTemplate> },
): Promise<void> {
  const { deps, template } = options
  const { database } = deps

  server.post(
    '/crm/activation/preview',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Counts what a selection would do; changes nothing',
        tags,
        body: PreviewRequest,
        response: answers(Preview),
      },
    },
    async (request) => ok(await previewSelection(database, request.body.selection, deps.now())),
  )

  server.post(
    '/crm/activation/sessions',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Starts a session; the same id and body again starts nothing',
        tags,
        body: StartRequest,
        response: { ...answers(Progress), ...answers(Progress, 202) },
      },
    },
    async (request, reply) => {
      const { progress, started } = await startSession(deps, request.body, {
        actor: { id: request.staff.id, name: request.staff.name },
        template: await template(),
      })
      return reply.code(started ? 202 : 200).send(ok(progress))
    },
  )

  server.get(
    '/crm/activation/sessions',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'The history of sessions',
        tags,
        querystring: SessionsQuery,
        response: answers(listOf(Progress)),
      },
    },
    async (request) => ok(await pageOfSessions(database, request.query)),
  )

  server.get(
    '/crm/activation/sessions/:sessionId',
    {
      onRequest: requireRole('support'),
      schema: { summary: 'One session', tags, params: SessionParams, response: answers(SessionDetail) },
    },
    async (request) => ok(await sessionDetail(database, request.params.sessionId)),
  )

  server.get(
    '/crm/activation/progress/:sessionId',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'The latest progress; its version is the ETag',
        tags,
        params: SessionParams,
        response: {
          ...answers(Progress),
          304: Type.Unsafe<never>({ type: 'null', description: 'Nothing is newer than what If-None-Match names.' }),
        },
      },
    },
    async (request, reply) => {
      const progress = await latestProgress(database, request.params.sessionId)
      const etag = `"${progress.version}"`
      void reply.header('etag', etag).header('cache-control', 'no-cache')
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send()
      return ok(progress)
    },
  )

  server.get(
    '/crm/activation/sessions/:sessionId/snapshots',
    {
      onRequest: requireRole('support'),
      schema: {
        summary: 'The stored snapshots, oldest first; limit thins them evenly',
        tags,
        params: SessionParams,
        querystring: SnapshotsQuery,
        response: answers(Snapshots),
      },
    },
    async (request) => ok(await snapshotsOf(database, request.params.sessionId, request.query.limit)),
  )

  for (const command of sessionCommands) {
    server.post(
      `/crm/activation/sessions/:sessionId/${command}`,
      {
        onRequest: requireRole('admin'),
        schema: {
          summary: `${command} a session`,
          tags,
          params: SessionParams,
          body: NoBody,
          response: answers(Progress),
        },
      },
      async (request) => ok(await runCommand(deps, command, request.params.sessionId, actorOf(request.staff))),
    )
  }

  server.post(
    '/crm/activation/sessions/:sessionId/retry',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Makes failed or unconfirmed mails pending again',
        tags,
        params: SessionParams,
        body: RetryRequest,
        response: answers(Progress),
      },
    },
    async (request) => ok(await retryMails(deps, request.params.sessionId, request.body, actorOf(request.staff))),
  )

  server.post(
    '/crm/activation/sessions/:sessionId/settle',
    {
      onRequest: requireRole('admin'),
      schema: {
        summary: 'Calls unconfirmed mails sent, because a person says so',
        tags,
        params: SessionParams,
        body: SettleRequest,
        response: answers(Progress),
      },
    },
    async (request) => ok(await markMailsAsSent(deps, request.params.sessionId, request.body, actorOf(request.staff))),
  )
}

function actorOf(staff: { id: string; name: string }): { id: string; name: string } {
  return { id: staff.id, name: staff.name }
}

/** RFC 9110 section 13.1.2: any of the list, compared weakly. A proxy that compresses makes ours weak. */
function matchesEtag(header: string | undefined, etag: string): boolean {
  const listed = (header ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''))
  return listed.includes(etag) || listed.includes('*')
}
