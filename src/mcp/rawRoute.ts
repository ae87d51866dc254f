import type { IncomingMessage, ServerResponse } from 'node:http'
import { GateError } from '../errors.ts'
import { readPlainBody } from './readBody.ts'
import { writeJson } from './writeResponse.ts'

/** A route that needs the exact bytes of a POST, because somebody signed them. It authenticates by itself. */
export interface RawRoute {
  readonly kind: 'raw'
  readonly matches: (path: string) => boolean
  readonly handle: (request: RawRequest) => Promise<{ readonly status: number; readonly body: unknown }>
}

export interface RawRequest {
  readonly body: Buffer
  /** A header by its lower-case name; undefined when it is missing. */
  readonly header: (name: string) => string | undefined
  readonly address: string
}

/** Serves one request to a raw route. Host and Origin were checked before. Throws coded errors. */
export async function serveRaw(
  route: RawRoute,
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): Promise<void> {
  if (request.method !== 'POST') {
    writeJson(response, 405, { error: 'method_not_allowed' }, { allow: 'POST' })
    return
  }
  const { status, body } = await route.handle({
    body: await readPlainBody(request, limit),
    header(name) {
      const value = request.headers[name]
      if (Array.isArray(value)) throw new GateError('ERR_BODY_MALFORMED', { detail: 'A header comes twice.' })
      return value
    },
    address: (request.socket as IncomingMessage['socket'] | null)?.remoteAddress ?? 'unknown',
  })
  if (body === undefined) {
    response.writeHead(status).end()
    return
  }
  writeJson(response, status, body)
}
