import type { MultipartFile } from '@fastify/multipart'
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FastifyRequest } from 'fastify'
import { Check } from 'typebox/value'
import { ImportMapping } from '@rollcall/shared'
import { DomainError } from '../../errors.ts'
import { unreadable } from './csv/unreadable.ts'
import { importMaximumBytes, type ImportFile } from './imports.usecases.ts'

const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MB`
const tooLarge = () =>
  new DomainError(
    'BODY_TOO_LARGE',
    `The file is larger than ${mebibytes(importMaximumBytes)}. Split it and import the parts.`,
  )

/** The bytes that a form may have besides its file: the boundaries and headers of its parts, and its text fields. */
const envelopeBytes = 1024 * 1024

/**
 * Stores an upload in a new file in `folder`, and calls `use` once the whole file has arrived. The file is removed afterwards,
 * whatever happens.
 *
 * @throws DomainError BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, and IMPORT_UNREADABLE for an upload that breaks off
 */
export async function withUpload<Result>(
  request: FastifyRequest,
  folder: string,
  use: (file: ImportFile) => Promise<Result>,
): Promise<Result> {
  const path = join(folder, `rollcall-import-${randomUUID()}.csv`)
  try {
    let name: string | undefined
    let mapping: ImportFile['mapping']
    await eachPart(request, ['mapping'], async (part) => {
      if (part.type === 'field') {
        mapping = mappingOf(part.value)
        return
      }
      await pipeline(part.file, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
      if (part.file.truncated) throw tooLarge()
      name = part.filename || 'leads.csv'
    })
    if (name === undefined) throw noFile()
    return await use({ path, name, mapping })
  } finally {
    await rm(path, { force: true })
  }
}

/** Returns the first `bytes` bytes of an uploaded file. The rest of the file is read and dropped. Throws what `withUpload` throws. */
export async function uploadBeginning(request: FastifyRequest, bytes: number): Promise<Buffer> {
  let beginning: Buffer | undefined
  await eachPart(request, [], async (part) => {
    if (part.type === 'field') return
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of part.file as AsyncIterable<Buffer>) {
      if (length < bytes) chunks.push(chunk)
      length += chunk.length
    }
    beginning = Buffer.concat(chunks).subarray(0, bytes)
  })
  if (beginning === undefined) throw noFile()
  return beginning
}

type Part = MultipartFile | { type: 'field'; fieldname: string; value: unknown }

/** Calls `take` for the file of a form and for its text fields with these names. Refuses any other part, and one that comes twice. */
async function eachPart(
  request: FastifyRequest,
  fields: readonly string[],
  take: (part: Part) => Promise<void>,
): Promise<void> {
  if (!request.isMultipart()) {
    throw new DomainError(
      'UNSUPPORTED_MEDIA_TYPE',
      'Send the file as multipart/form-data, in a part with the name “file”.',
    )
  }
  if (Number(request.headers['content-length'] ?? 0) > importMaximumBytes + envelopeBytes) throw tooLarge()
  if (!hasBoundary(request.headers['content-type'] ?? ''))
    throw malformed('The form has no boundary of 1 to 70 characters in its content type')
  const seen = new Set<string>()
  try {
    for await (const part of partsOf(request)) {
      refusePart(part, fields, seen)
      await take(part)
    }
  } catch (error) {
    // The rest of the form is read and dropped, so that the connection can be used for the next request.
    request.raw.unpipe()
    request.raw.resume()
    throw isBrokenOff(error) ? brokenOff() : error
  }
}

/** True when the content type names the boundary between the parts, which has 1 to 70 characters (RFC 2046 section 5.1.1). */
function hasBoundary(contentType: string): boolean {
  return /;\s*boundary=("[^"]{1,70}"|[^\s";]{1,70})\s*(;|$)/i.test(contentType)
}

/** Reads the parts of a form. Whatever the parser throws was caused by the form, so it becomes an error that says so. */
async function* partsOf(request: FastifyRequest): AsyncGenerator<Part> {
  const limits = { fileSize: importMaximumBytes, files: 1, fields: 10, fieldSize: 100_000 }
  try {
    yield* request.parts({ limits }) as AsyncIterable<Part>
  } catch (error) {
    if (isBrokenOff(error)) throw brokenOff()
    const { code } = error as { code?: unknown }
    if (code === 'FST_FILES_LIMIT') throw malformed('The form has more than one file; send one at a time')
    throw malformed('The form cannot be read; send it as multipart/form-data (RFC 7578)')
  }
}

function refusePart(part: Part, fields: readonly string[], seen: Set<string>): void {
  const { type, fieldname: name } = part as { type: string; fieldname?: string }
  if (name === 'file' && type === 'field')
    throw malformed('The part “file” is a text without a file name; send it as a file')
  if (name !== 'file' && (type === 'file' || name === undefined || !fields.includes(name)))
    throw malformed(`The form has a part that Rollcall does not know: ${quoted(name ?? '', type)}`)
  if (seen.has(name)) throw malformed(`The form has the part “${name}” more than once`)
  seen.add(name)
}

function quoted(name: string, type: string): string {
  return `${type === 'file' ? 'a file with the name ' : ''}“${name.slice(0, 100)}”`
}

function isBrokenOff(error: unknown): boolean {
  if (error instanceof DomainError || !(error instanceof Error)) return false
  const words = /unexpected end|terminated early|premature|malformed part|aborted/i
  return words.test(error.message) || (error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE'
}

function brokenOff(): DomainError {
  return unreadable('The upload broke off before the end of the file. Nothing was imported; upload it again.')
}

function malformed(what: string): DomainError {
  return new DomainError('BAD_REQUEST', `${what}.`)
}

function noFile(): DomainError {
  return new DomainError('BAD_REQUEST', 'The form has no file: send it in a part with the name “file”.')
}

/** Reads a mapping, which is JSON text, or a value where the parser of the form has read it as JSON. An empty text is no mapping. */
function mappingOf(value: unknown): ImportMapping | undefined {
  if (value === '') return undefined
  const mapping: unknown = typeof value === 'string' ? parseJson(value) : value
  if (Check(ImportMapping, mapping)) return mapping
  throw new DomainError(
    'BAD_REQUEST',
    'The mapping must be JSON like {"email": "E-mail", "firstName": "Given name"}: field to header.',
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
