import type { IncomingMessage, ServerResponse } from 'node:http'
import { GateError } from '../errors.ts'
import { readFormBody } from './readBody.ts'

/** Pages for people in browsers, beside MCP. They authenticate by themselves. */
export interface PageRoute {
  readonly kind: 'page'
  readonly matches: (path: string) => boolean
  /** The web origin of the pages. Nothing from another one gets as far as `handle`, and a POST must name this one. */
  readonly origin: string
  readonly handle: (request: PageRequest) => Promise<PageResponse>
}

export interface PageRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** A name that was sent twice is left out: a neighbour may have set one of them. */
  readonly cookies: ReadonlyMap<string, string>
  /** The browser says that a page of another site led here (`Sec-Fetch-Site`). Absent in other clients: false. */
  readonly isFromOtherSite: boolean
  readonly address: string
  /**
   * Reads the form of a POST, once; undefined for other methods. Not before it is known who sends it: strangers would fill
   * the memory. Throws ERR_BODY_TOO_LARGE, ERR_BODY_MALFORMED.
   */
  readonly readForm: () => Promise<ReadonlyMap<string, string> | undefined>
}

export type PageResponse =
  | { readonly status: number; readonly headers: PageHeaders; readonly body: string | Uint8Array }
  /** Server-sent events, until either side closes. */
  | { readonly status: 200; readonly headers: PageHeaders; readonly stream: (events: EventSink) => void }

type PageHeaders = Readonly<Record<string, string | readonly string[]>>

/** The open end of a stream of server-sent events. */
export interface EventSink {
  /** Event names and data are ours: no line breaks. False once the client has gone or does not read. */
  send(event: string, data: string): boolean
  close(): void
  /** Called once, whoever closed. */
  onClose(listener: () => void): void
}

/** A reviewer who changes a request sends all of it, with every character in up to nine bytes. */
const FORM_BYTES = 512 * 1024

/** A client that does not read may hold this much; then it is dropped, and may connect again. */
const UNREAD_BYTES = 64 * 1024

/** Serves one request to a page route. Host was checked before. Throws coded errors for what never reaches the page. */
export async function servePage(
  route: PageRoute,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { origin } = request.headers
  const method = request.method ?? 'GET'
  // A form that names no origin is not one that a browser sent from our page.
  if (origin === undefined ? method === 'POST' : origin !== route.origin) throw new GateError('ERR_ORIGIN')
  const answer = await route.handle({
    method,
    path: url.pathname,
    query: url.searchParams,
    cookies: readCookies(request.headers.cookie),
    isFromOtherSite: request.headers['sec-fetch-site'] === 'cross-site',
    address: (request.socket as IncomingMessage['socket'] | null)?.remoteAddress ?? 'unknown',
    readForm: async () => (method === 'POST' ? await readFormBody(request, FORM_BYTES) : undefined),
  })
  if (response.headersSent || response.destroyed) return
  for (const [name, value] of Object.entries(answer.headers)) {
    response.setHeader(name, typeof value === 'string' ? value : [...value])
  }
  // A connection that only carried a stream would otherwise stay open after it, and hold up a stop.
  // The same after a form of which something was left unread.
  if ('stream' in answer || !request.complete) response.setHeader('connection', 'close')
  response.writeHead(answer.status)
  if ('stream' in answer) answer.stream(sinkOf(response))
  else response.end(answer.body)
  if (!request.complete) request.resume()
}

function sinkOf(response: ServerResponse): EventSink {
  response.flushHeaders()
  return {
    send(event, data) {
      if (response.destroyed || response.writableEnded) return false
      if (response.writableLength > UNREAD_BYTES) {
        response.destroy()
        return false
      }
      response.write(`event: ${event}\ndata: ${data}\n\n`)
      return true
    },
    close: () => void response.end(),
    onClose: (listener) => void response.once('close', listener),
  }
}

function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const repeated = new Set<string>()
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals === -1) continue
    const name = pair.slice(0, equals).trim()
    if (found.has(name)) repeated.add(name)
    found.set(name, pair.slice(equals + 1).trim())
  }
  for (const name of repeated) found.delete(name)
  return found
}
