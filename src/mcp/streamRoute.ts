import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Caller } from '../call.ts'
import { ERRORS, GateError } from '../errors.ts'

/**
 * A route whose bodies are too large to be held in memory, both ways. The caller is verified before it is asked, and
 * counts against the same limits as a call. It records what it does and what it refuses; a GateError that it throws is
 * answered, nothing more.
 */
export interface StreamRoute {
  readonly kind: 'stream'
  readonly matches: (path: string) => boolean
  readonly handle: (exchange: StreamExchange) => Promise<void>
}

export interface StreamExchange {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** A header by its lower-case name; undefined when it is missing or comes twice. */
  readonly header: (name: string) => string | undefined
  readonly caller: Caller
  readonly credential: string | undefined
  readonly address: string
  /** Unzipped. How much of it is read is the route's to bound. */
  readonly body: Readable
  /** Sends the head of the answer, once; the body is what is written then. */
  begin(status: number, headers: Readonly<Record<string, string>>): Writable
  /** Aborts when the client has gone before the answer was complete. */
  readonly signal: AbortSignal
}

/**
 * The token of a client that knows user names and passwords only, such as git (RFC 7617): the password is the token.
 * Bearer tokens are taken too.
 */
export function streamCredentialOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  const match = /^(Bearer|Basic) ([^\s]{1,32768}) *$/i.exec(authorization ?? '')
  if (match === null) return undefined
  if (match[1]?.toLowerCase() === 'bearer') return match[2]
  const pair = Buffer.from(match[2] ?? '', 'base64').toString()
  const token = pair.slice(pair.indexOf(':') + 1)
  return pair.includes(':') && token !== '' ? token : undefined
}

/** @throws GateError ERR_BODY_MALFORMED for an encoding that is not gzip */
export function openStream(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  who: Pick<StreamExchange, 'caller' | 'credential' | 'address'>,
): StreamExchange {
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return {
    ...who,
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    header(name) {
      const value = request.headers[name]
      return Array.isArray(value) ? undefined : value
    },
    body: unzipped(request),
    begin(status, headers) {
      response.writeHead(status, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers })
      return response
    },
    signal: gone.signal,
  }
}

function unzipped(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding']
  request.on('error', () => {})
  if (encoding === undefined || encoding === 'identity') return request
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new GateError('ERR_BODY_MALFORMED', { detail: 'Only gzip is accepted as an encoding.' })
  }
  // Read piece by piece, so a bomb is held to the reader's bound before it has unfolded.
  const gunzip = createGunzip()
  // Whoever reads it learns of it; nobody may be reading.
  gunzip.on('error', () => {})
  request.on('error', (error) => gunzip.destroy(error))
  request.on('close', () => {
    if (!request.complete) gunzip.destroy()
  })
  return request.pipe(gunzip)
}

/** Answers a refusal in plain text, which git shows to whoever runs it. */
export function refuseStream(
  response: ServerResponse,
  error: GateError,
  status: number,
  challenge: string | undefined,
) {
  if (response.headersSent) {
    // The client must not take half an answer for a whole one.
    response.destroy()
    return
  }
  const retryAfter = error.facts.retry_after_seconds
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
    ...(challenge !== undefined && { 'www-authenticate': ['Basic realm="countersign", charset="UTF-8"', challenge] }),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  })
  response.end(`${error.code}: ${error.message} ${ERRORS[error.code].next}\n`)
}
