import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import { normalizePath } from './normalizePath.ts'
import { type HttpBody, readBody } from './readBody.ts'
import { type HeaderPairs, readHeaders } from './readHeaders.ts'
import { encodeQuery, type QueryPairs, readQuery, type WrittenQuery } from './readQuery.ts'
import type { HttpConnection, Method } from './settings.ts'

/** A request as it was understood. Everything that is sent for the caller follows from this, and nothing else does. */
export interface HttpRequest {
  readonly method: Method
  /** Decoded, below the base URL: what policy sees. */
  readonly path: string
  readonly query: QueryPairs
  /** What stands in the request line, base and query included. */
  readonly sentPath: string
  /** Of the caller; without content-type, which goes with the body. */
  readonly headers: HeaderPairs
  readonly body: HttpBody
}

export interface WrittenRequest {
  readonly method: Method
  readonly path: string
  readonly query: WrittenQuery
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Json | undefined
}

/** Longer request lines are cut or refused by many servers. */
const MAX_SENT = 8_000

/** @throws GateError ERR_HTTP_PATH, ERR_HTTP_REQUEST, ERR_HTTP_HEADER */
export function readRequest(written: WrittenRequest, settings: HttpConnection): HttpRequest {
  const { method } = written
  const { path, sent } = normalizePath(written.path)
  const query = readQuery(written.query)
  const headers = readHeaders(written.headers, settings)
  const contentType = headers.find(([name]) => name === 'content-type')?.[1]
  const body = readBody(method, written.body, contentType, settings.limits.maxRequestBytes)
  const base = new URL(settings.baseUrl).pathname.replace(/\/$/, '')
  const sentPath = `${base}${sent}${query.length === 0 ? '' : `?${encodeQuery(query)}`}`
  if (sentPath.length > MAX_SENT) throw new GateError('ERR_HTTP_REQUEST', { detail: 'path and query are too long.' })
  return { method, path, query, sentPath, headers: headers.filter(([name]) => name !== 'content-type'), body }
}
