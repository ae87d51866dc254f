import type { IncomingMessage } from 'node:http'
import { GateError } from '../errors.ts'

/** Strict UTF-8: a body with invalid bytes is refused, not repaired, because what was judged must be what was sent. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Reads and parses one JSON body of at most `limit` bytes.
 *
 * Throws ERR_BODY_TOO_LARGE as soon as the limit is passed (the rest is never buffered) and ERR_BODY_MALFORMED for
 * anything that is not UTF-8 JSON, compressed bodies and bottomless nesting included.
 */
export async function readJsonBody(request: IncomingMessage, limit: number): Promise<unknown> {
  const bytes = await readPlainBody(request, limit)
  let body: unknown
  try {
    body = JSON.parse(UTF8.decode(bytes))
  } catch {
    throw new GateError('ERR_BODY_MALFORMED')
  }
  if (isDeeper(body, MAX_DEPTH)) throw new GateError('ERR_BODY_MALFORMED', { detail: 'It is nested too deeply.' })
  return body
}

/** No call needs more. What walks over a body recursively must not run out of stack, because that leaves no record. */
const MAX_DEPTH = 64

/** Its own recursion ends where the depth does. */
function isDeeper(value: unknown, depth: number): boolean {
  if (depth === 0) return true
  if (typeof value !== 'object' || value === null) return false
  for (const name in value) {
    if (isDeeper((value as Record<string, unknown>)[name], depth - 1)) return true
  }
  return false
}

/** More fields than any of our forms has. */
const MAX_FIELDS = 16

/**
 * Reads one `application/x-www-form-urlencoded` body of at most `limit` bytes, strictly: a field that comes twice, an
 * escape that is not UTF-8 or another content type is ERR_BODY_MALFORMED.
 */
export async function readFormBody(request: IncomingMessage, limit: number): Promise<ReadonlyMap<string, string>> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new GateError('ERR_BODY_MALFORMED', { detail: 'Expected a form.' })
  }
  const bytes = await readPlainBody(request, limit)
  const fields = new Map<string, string>()
  try {
    const text = UTF8.decode(bytes)
    for (const pair of text === '' ? [] : text.split('&')) {
      const equals = pair.indexOf('=')
      if (equals < 1 || fields.size === MAX_FIELDS) throw new TypeError('not a form')
      const name = decodeField(pair.slice(0, equals))
      if (fields.has(name)) throw new TypeError('a field comes twice')
      fields.set(name, decodeField(pair.slice(equals + 1)))
    }
  } catch {
    throw new GateError('ERR_BODY_MALFORMED', { detail: 'The form cannot be read.' })
  }
  return fields
}

function decodeField(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

/** Reads a body of at most `limit` bytes as it is. Throws ERR_BODY_TOO_LARGE and ERR_BODY_MALFORMED. */
export async function readPlainBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new GateError('ERR_BODY_MALFORMED', { detail: 'Compressed bodies are not accepted.' })
  }
  if (Number(request.headers['content-length'] ?? 0) > limit) throw new GateError('ERR_BODY_TOO_LARGE')
  return await readAtMost(request, limit)
}

// Not `for await`: leaving that loop early destroys the socket, and the refusal could not be sent any more.
function readAtMost(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) {
        chunks.push(chunk)
        return
      }
      request.off('data', take)
      request.pause()
      reject(new GateError('ERR_BODY_TOO_LARGE'))
    }
    // Every request closes in the end, and an error that nobody gets still costs its stack.
    let hasEnded = false
    const endEarly = (cause?: Error) => {
      if (!hasEnded) reject(new GateError('ERR_BODY_MALFORMED', { detail: 'The body ended early.', cause }))
    }
    request.on('data', take)
    request.on('end', () => {
      hasEnded = true
      resolve(Buffer.concat(chunks))
    })
    request.on('close', () => endEarly())
    request.on('error', endEarly)
  })
}
