import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { answerUnknown } from './error-answers.ts'
import type { Server } from './server.ts'

const root = path.join(import.meta.dirname, '../../..')
const sources = [
  'web/src',
  'web/public',
  'web/index.html',
  'web/activate.html',
  'web/vite.config.ts',
  'web/package.json',
  'shared/src',
]

/**
 * Builds the web app where it is missing or older than its sources, and returns its folder. An image for production has the
 * built web app without its sources, so nothing is built there.
 */
export async function ensureWebApp(logger: FastifyBaseLogger): Promise<string> {
  const folder = path.join(root, 'web/dist')
  const page = path.join(folder, 'index.html')
  if (existsSync(page) && !existsSync(path.join(root, 'web/src'))) return folder
  const newest = Math.max(...sources.map((source) => newestTime(path.join(root, source))))
  if (!existsSync(page) || statSync(page).mtimeMs < newest) {
    logger.info('building the web app, once')
    await build()
  }
  return folder
}

function newestTime(file: string): number {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(0, ...readdirSync(file).map((name) => newestTime(path.join(file, name))))
}

function build(): Promise<void> {
  const vite = path.join(root, 'node_modules/vite/bin/vite.js')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vite, 'build', 'web', '--logLevel', 'warn'], { cwd: root })
    const said: Buffer[] = []
    child.stdout.on('data', (data: Buffer) => said.push(data))
    child.stderr.on('data', (data: Buffer) => said.push(data))
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`The web app could not be built.\n${Buffer.concat(said).toString('utf8')}`))
    })
  })
}

/** The paths of the API. An unknown path below one of them is answered with 404 and never with a page. */
const apiPaths = /^\/(api|crm|staff|mailbox\/messages|activation|health|metrics|docs|openapi\.json)(\/|$|\?)/

/** The path of an activation link, whose page is a document of its own. */
const activationPath = /^\/activate\/[^/?]+\/?($|\?)/

/** Serves the built web app from its folder. Every path that is a page gets the document of the staff's app or that of the invited person. */
export async function serveWebApp(server: Server, folder: string): Promise<void> {
  await server.register(fastifyStatic, {
    root: folder,
    wildcard: false,
    setHeaders: (reply, file) => {
      const hashed = file.includes(`${path.sep}assets${path.sep}`)
      void reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  answerUnknown(server, (request, reply) => {
    const reads = request.method === 'GET' || request.method === 'HEAD'
    const isPage = reads && !apiPaths.test(request.url) && !/\.[a-z0-9]+($|\?)/i.test(request.url)
    if (isPage) void reply.sendFile(activationPath.test(request.url) ? 'activate.html' : 'index.html')
    return isPage
  })
}

/**
 * An `onRequest` hook for a route whose path is also a page of the web app. A browser that opens the path asks for HTML and
 * gets the page; programs, and the page's own calls, reach the route.
 */
export async function servePageToBrowsers(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  void reply.header('vary', 'accept')
  if (!request.headers.accept?.includes('text/html')) return undefined
  reply.callNotFound()
  return reply
}
