import type { MultipartFile } from '@fastify/multipart'
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FastifyRequest } from 'fastify'
import { Check } from 'typebox/value'
import { ImportMapping } from '@rollcall/shared'
import { Refusal } from '../http/refusal.ts'
import { unreadable } from './csv/unreadable.ts'
import { importMaximumBytes, type ImportFile } from './imports.usecases.ts'

const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MB`
const tooLarge = () =>
  new Refusal(
    413,
    'BODY_TOO_LARGE',
    `The file is larger than ${mebibytes(importMaximumBytes)}. Split it and import the parts.`,
  )

/** What multipart adds around a file. */
const envelopeBytes = 1024 * 1024

/**
 * Receives the whole upload before anything is done with it, into a file of its own in `folder`, and gives it to `use`. The file
 * is removed afterwards, whatever happens.
 *
 * @throws Refusal BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, and IMPORT_UNREADABLE for an upload that breaks off
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
    await eachPart(request, async (part) => {
      if (part.type === 'field') {
        if (part.fieldname === 'mapping') mapping = mappingOf(part.value)
        return
      }
      if (part.fieldname !== 'file') {
        part.file.resume()
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

/** The first bytes of the uploaded file, at most so many; what follows is read and dropped. */
export async function uploadBeginning(request: FastifyRequest, bytes: number): Promise<Buffer> {
  let beginning: Buffer | undefined
  await eachPart(request, async (part) => {
    if (part.type === 'field') return
    if (part.fieldname !== 'file') {
      part.file.resume()
      return
    }
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

async function eachPart(request: FastifyRequest, take: (part: Part) => Promise<void>): Promise<void> {
  if (!request.isMultipart()) {
    throw new Refusal(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Send the file as multipart/form-data, in a part with the name “file”.',
    )
  }
  if (Number(request.headers['content-length'] ?? 0) > importMaximumBytes + envelopeBytes) throw tooLarge()
  const limits = { fileSize: importMaximumBytes, files: 1, fields: 10, fieldSize: 100_000 }
  try {
    for await (const part of request.parts({ limits })) await take(part)
  } catch (error) {
    throw refusalOf(error)
  }
}

/** What went wrong with the form itself is the sender's; what went wrong with the disk is ours. */
function refusalOf(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error
  const { code } = error as { code?: unknown }
  if (code === 'FST_FILES_LIMIT') return new Refusal(413, 'BODY_TOO_LARGE', 'Send one file at a time.')
  if (code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT') {
    return new Refusal(413, 'BODY_TOO_LARGE', 'The form has more fields than “file” and “mapping”.')
  }
  const brokenOff = /unexpected end|terminated early|premature|malformed part|aborted/i
  if (brokenOff.test(error.message) || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return unreadable('The upload broke off before the end of the file. Nothing was imported; upload it again.')
  }
  return error
}

function noFile(): Refusal {
  return new Refusal(400, 'BAD_REQUEST', 'The form has no file: send it in a part with the name “file”.')
}

/** A mapping as JSON text, or already read by the form's parser. Empty text is no mapping. */
function mappingOf(value: unknown): ImportMapping | undefined {
  if (value === '') return undefined
  const mapping: unknown = typeof value === 'string' ? parseJson(value) : value
  if (Check(ImportMapping, mapping)) return mapping
  throw new Refusal(
    400,
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
