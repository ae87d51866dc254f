import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { localhostAllowedHostnames, validateHostHeader, validateOriginHeader } from '@modelcontextprotocol/server'
import type { Caller } from '../call.ts'
import { ERRORS, type ErrorCode, GateError } from '../errors.ts'
import { answerPlainCall } from './answerPlainCall.ts'
import type { McpEndpoint } from './createMcpEndpoint.ts'
import { ConcurrencyLimiter, type RateLimit, RateLimiter } from './limits.ts'
import { type PageRoute, servePage } from './pageRoute.ts'
import type { Front } from './ports.ts'
import { type RawRoute, serveRaw } from './rawRoute.ts'
import { readJsonBody } from './readBody.ts'
import { readPlainCall } from './readPlainCall.ts'
import type { ServerInfo } from './serverInfo.ts'
import { openStream, refuseStream, type StreamRoute, streamCredentialOf } from './streamRoute.ts'
import { writeJson, writeResponse } from './writeResponse.ts'

export interface HttpSettings {
  /** Path of the MCP resource, `/mcp`. */
  readonly mcpPath: string
  /** Hostnames without port; empty means loopback names only. */
  readonly allowedHosts: readonly string[]
  /** Hostnames of origins that browsers may call from; empty means none but loopback. */
  readonly allowedOrigins: readonly string[]
  readonly limits: HttpLimits
}

export interface HttpLimits {
  /** Bytes of one request body. */
  readonly body: number
  /** Requests of one verified caller. */
  readonly caller: RateLimit
  /**
   * Refused requests of one address; past it every refusal is a 429 that says nothing else. Good tokens from the same
   * address still pass: behind a proxy all clients share one.
   */
  readonly refusals: RateLimit
  readonly concurrent: { readonly perKey: number; readonly total: number }
  /** Steps of logins to the console from one address. One login takes two; behind a proxy people share an address. */
  readonly logins: RateLimit
  /** Requests of one person to the console. */
  readonly pages: RateLimit
  /** Requests in which one person is shown what is hidden. */
  readonly reveals: RateLimit
}

export const DEFAULT_LIMITS: HttpLimits = {
  body: 1024 * 1024,
  caller: { perSecond: 50, burst: 200 },
  refusals: { perSecond: 1, burst: 60 },
  concurrent: { perKey: 32, total: 256 },
  logins: { perSecond: 2, burst: 60 },
  pages: { perSecond: 10, burst: 120 },
  reveals: { perSecond: 1 / 60, burst: 10 },
}

/** A JSON route beside MCP, such as the reviewers' API. It authenticates by itself. */
export interface JsonRoute {
  readonly matches: (path: string) => boolean
  readonly handle: (request: JsonRequest) => Promise<JsonResponse>
}

export interface JsonRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly credential: string | undefined
  readonly address: string
  /** Parsed JSON of a POST, undefined otherwise. */
  readonly body: unknown
}

export interface JsonResponse {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Bytes of a body on a route beside MCP: it is read before anybody is authenticated, and a vote is short. */
const ROUTE_BODY = 16 * 1024

const MAX_CONNECTIONS = 4_096

const RAW_AT_ONCE = { perKey: 16, total: 32 }

/** Each may run a process for minutes. */
const STREAMS_AT_ONCE = { perKey: 4, total: 16 }

/** How long a stream waits for its turn, in milliseconds: git does not ask again. */
const TURN_TIMEOUT = 10_000
const TURN_PAUSE = 50

/** For a body that is read as a whole, in milliseconds. */
const BODY_TIMEOUT = 30_000
/** For the body of a stream, which has a bound of its own on pauses. */
const STREAM_TIMEOUT = 20 * 60_000

interface HttpParts {
  readonly front: Front
  readonly mcp: McpEndpoint
  /** Who answers plain calls, in the same words, without the SDK. Undefined: the SDK answers everything. */
  readonly plainCalls: ServerInfo | undefined
  readonly routes: readonly (JsonRoute | PageRoute | RawRoute | StreamRoute)[]
  /** The WWW-Authenticate value for a refusal, RFC 6750 and RFC 9728; undefined when the status needs none. */
  readonly challengeFor: (error: GateError) => string | undefined
  readonly onError: (error: Error) => void
}

/**
 * The gateway's HTTP face. Host and Origin are checked before anything else, bodies are bounded before they are
 * parsed, and every request to MCP carries a verified credential of its own: there are no sessions.
 */
export function createHttpServer(settings: HttpSettings, parts: HttpParts): Server {
  const hosts = settings.allowedHosts.length > 0 ? [...settings.allowedHosts] : localhostAllowedHostnames()
  const origins = settings.allowedOrigins.length > 0 ? [...settings.allowedOrigins] : localhostAllowedHostnames()
  const callerRate = new RateLimiter(settings.limits.caller)
  const refusalRate = new RateLimiter(settings.limits.refusals)
  const concurrency = new ConcurrencyLimiter(settings.limits.concurrent)
  const rawConcurrency = new ConcurrencyLimiter(RAW_AT_ONCE)
  const streamConcurrency = new ConcurrencyLimiter(STREAMS_AT_ONCE)
  // Nearly every request is for this.
  const mcpUrl = urlOf({ url: settings.mcpPath })
  const isOwnHost = rememberLast((host) => validateHostHeader(host, hosts).ok)

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      if (!(error instanceof GateError)) parts.onError(error instanceof Error ? error : new Error(String(error)))
      refuse(
        request,
        response,
        error instanceof GateError ? error : new GateError('ERR_INTERNAL', { cause: error }),
        {},
      )
    })
  })
  // A client that never finishes its headers or body must not hold a socket; answers may take as long as they need.
  server.headersTimeout = 15_000
  server.requestTimeout = STREAM_TIMEOUT
  server.keepAliveTimeout = 75_000
  // Each costs memory and a file descriptor, which the trail needs too.
  server.maxConnections = MAX_CONNECTIONS
  return server

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isOwnHost(request.headers.host)) throw new GateError('ERR_HOST')
    const url = request.url === settings.mcpPath ? mcpUrl : urlOf(request)
    const found = parts.routes.find((candidate) => candidate.matches(url.pathname))
    const isStream = found !== undefined && 'kind' in found && found.kind === 'stream'
    if (!isStream) holdToTime(request, response)
    // Pages answer to one origin, their own, which `allowedOrigins` need not name.
    if (found !== undefined && 'kind' in found && found.kind === 'page') {
      return await servePage(found, url, request, response)
    }
    if (!validateOriginHeader(request.headers.origin, origins).ok) throw new GateError('ERR_ORIGIN')
    if (url.pathname === settings.mcpPath) return await serveMcp(request, response)
    if (found === undefined) {
      writeJson(response, 404, {
        error: 'not_found',
        message: `Nothing is served here. The MCP endpoint is ${settings.mcpPath}.`,
      })
      return
    }
    if ('kind' in found && found.kind === 'stream') return await serveStream(found, url, request, response)
    if ('kind' in found) return await serveSigned(found, request, response)
    const limit = Math.min(settings.limits.body, ROUTE_BODY)
    const body = request.method === 'POST' ? await readJsonBody(request, limit) : undefined
    const {
      status,
      body: answer,
      headers,
    } = await found.handle({
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      credential: credentialOf(request),
      address: addressOf(request),
      body,
    })
    writeJson(response, status, answer, headers)
  }

  // Whoever sends these is known only after the whole body was read, so few are read at once.
  async function serveSigned(found: RawRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const leave = rawConcurrency.enter(addressOf(request))
    if (leave === undefined) throw new GateError('ERR_BUSY', { facts: { retry_after_seconds: 1 } })
    try {
      await serveRaw(found, request, response, settings.limits.body)
    } finally {
      leave()
    }
  }

  async function serveStream(
    found: StreamRoute,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const address = addressOf(request)
    const credential = streamCredentialOf(request)
    const say = (stop: GateError) => {
      refuseStream(response, stop, httpStatusOf(stop), parts.challengeFor(stop))
      if (!request.complete) discardRest(request)
    }
    let caller: Caller
    try {
      caller = await parts.front.authenticate(credential)
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      parts.front.recordRefusal({ address, code: error.code, caller: undefined, tool: undefined })
      // git asks without a credential first: that is how it learns that it needs one.
      return say(credential === undefined ? error : heldToAddressLimit(error, address))
    }
    const wait = callerRate.take(caller.key)
    const leave = wait > 0 ? undefined : await enterInTime(() => streamConcurrency.enter(caller.key))
    if (leave === undefined) {
      const facts = { retry_after_seconds: wait > 0 ? wait : 1 }
      const stop = new GateError(wait > 0 ? 'ERR_RATE_LIMIT' : 'ERR_BUSY', { facts })
      parts.front.recordRefusal({ address, code: stop.code, caller, tool: undefined })
      return say(stop)
    }
    try {
      await found.handle(openStream(request, response, url, { caller, credential, address }))
    } catch (error) {
      if (!(error instanceof GateError)) parts.onError(error instanceof Error ? error : new Error(String(error)))
      say(error instanceof GateError ? error : new GateError('ERR_INTERNAL', { cause: error }))
    } finally {
      leave()
    }
  }

  async function serveMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      writeJson(response, 405, jsonRpcError(-32000, 'Method not allowed: this server keeps no sessions.'), {
        allow: 'POST',
      })
      return
    }
    const address = addressOf(request)
    const credential = credentialOf(request)
    const caller = await authenticated(request, response, credential)
    if (caller === undefined) return

    const wait = callerRate.take(caller.key)
    const leave = wait > 0 ? undefined : concurrency.enter(caller.key)
    if (leave === undefined) {
      const error =
        wait > 0
          ? new GateError('ERR_RATE_LIMIT', { facts: { retry_after_seconds: wait } })
          : new GateError('ERR_BUSY', { facts: { retry_after_seconds: 1 } })
      refuse(request, response, error, { caller })
      return
    }
    try {
      await answerMcp(request, response, { caller, credential, address })
    } finally {
      leave()
    }
  }

  async function authenticated(
    request: IncomingMessage,
    response: ServerResponse,
    credential: string | undefined,
  ): Promise<Caller | undefined> {
    try {
      return await parts.front.authenticate(credential)
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      refuse(request, response, error, {})
      return undefined
    }
  }

  async function answerMcp(
    request: IncomingMessage,
    response: ServerResponse,
    exchange: { caller: Caller; credential: string | undefined; address: string },
  ): Promise<void> {
    let body: unknown
    try {
      body = await readJsonBody(request, settings.limits.body)
      // One message is one call: one place, one record. Protocol versions since 2025-06-18 have no batches.
      if (Array.isArray(body)) {
        throw new GateError('ERR_BODY_MALFORMED', { detail: 'JSON-RPC batches are not accepted.' })
      }
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      refuse(request, response, error, { caller: exchange.caller })
      return
    }
    const plain = parts.plainCalls && readPlainCall(request.headers, body)
    if (parts.plainCalls !== undefined && plain !== undefined) {
      const said = { ...exchange, userAgent: request.headers['user-agent'] }
      await answerPlainCall(plain, { front: parts.front, serverInfo: parts.plainCalls, exchange: said }, response)
      return
    }
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    let isCall = false
    const answer = await parts.mcp.serve(webRequestOf(request, gone.signal), body, {
      ...exchange,
      userAgent: request.headers['user-agent'],
      onCall: () => {
        isCall = true
      },
    })
    await writeResponse(answer, response).finally(() => {
      if (!isCall) recordUnservedCall(body, exchange)
    })
  }

  // The SDK answers a tools/call that does not fit the protocol by itself; it still belongs in the trail.
  function recordUnservedCall(body: unknown, exchange: { caller: Caller; address: string }): void {
    const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown } | null }
    if (method !== 'tools/call') return
    const tool = typeof params?.name === 'string' ? params.name.slice(0, 64) : undefined
    parts.front.recordRefusal({ code: 'ERR_ARGUMENTS', tool, ...exchange })
  }

  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    stop: GateError,
    { caller }: { caller?: Caller },
  ): void {
    const address = addressOf(request)
    parts.front.recordRefusal({ address, code: stop.code, caller, tool: undefined })
    const error = caller === undefined ? heldToAddressLimit(stop, address) : stop
    const challenge = parts.challengeFor(error)
    const retryAfter = error.facts.retry_after_seconds
    writeJson(response, httpStatusOf(error), errorBody(error), {
      ...(challenge !== undefined && { 'www-authenticate': challenge }),
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      // The rest of an unread body would be taken for the next request.
      ...(!request.complete && { connection: 'close' }),
    })
    if (!request.complete) discardRest(request)
  }

  // Only what an anonymous client did wrong counts against its address; our own trouble does not.
  function heldToAddressLimit(error: GateError, address: string): GateError {
    if (httpStatusOf(error) >= 500) return error
    const wait = refusalRate.take(address)
    return wait === 0 ? error : new GateError('ERR_RATE_LIMIT', { facts: { retry_after_seconds: wait } })
  }
}

/** The status of a refusal of a whole request. Codes that normally travel in a tool result are bad requests here. */
function httpStatusOf(error: GateError): number {
  const { status }: { readonly status: number } = ERRORS[error.code]
  return status === 200 ? 400 : status
}

function errorBody(error: GateError): unknown {
  return { ...jsonRpcError(JSON_RPC_CODES[error.code] ?? -32000, `${error.code}: ${error.message} ${error.next}`) }
}

const JSON_RPC_CODES: Partial<Record<ErrorCode, number>> = { ERR_BODY_MALFORMED: -32700, ERR_INTERNAL: -32603 }

function jsonRpcError(code: number, message: string) {
  return { jsonrpc: '2.0', error: { code, message }, id: null }
}

/** The bearer token of this request (RFC 6750 section 2.1). Never from the query or the body. */
function credentialOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization
  const match = header === undefined ? null : /^Bearer ([^\s]+) *$/i.exec(header)
  return match?.[1]
}

function addressOf(request: IncomingMessage): string {
  // The socket is gone once it was destroyed, whatever the types say.
  return (request.socket as IncomingMessage['socket'] | null)?.remoteAddress ?? 'unknown'
}

/** The same judgement of a header, which most clients send in the same words: what passed last is not parsed again. */
function rememberLast(isGood: (value: string | undefined) => boolean): (value: string | undefined) => boolean {
  let good: string | undefined
  return (value) => {
    if (value !== undefined && value === good) return true
    if (!isGood(value)) return false
    good = value
    return true
  }
}

/** The target of the request. What is no address, such as `//`, leads where nothing is served. */
function urlOf({ url = '/' }: Pick<IncomingMessage, 'url'>): URL {
  return new URL(URL.canParse(url, BASE) ? url : '/%00', BASE)
}

const BASE = 'http://gateway.invalid'

/** A place among those that run, as soon as there is one; undefined when there was none in time. */
async function enterInTime(enter: () => (() => void) | undefined): Promise<(() => void) | undefined> {
  const deadline = performance.now() + TURN_TIMEOUT
  for (;;) {
    const leave = enter()
    if (leave !== undefined || performance.now() > deadline) return leave
    await new Promise((resolve) => setTimeout(resolve, TURN_PAUSE))
  }
}

/** A client that does not finish its body in time must not hold a socket. */
function holdToTime(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return
  const timer = setTimeout(() => {
    if (!response.headersSent) response.writeHead(408, { connection: 'close' }).end()
    request.destroy()
  }, BODY_TIMEOUT)
  timer.unref()
  const settle = () => clearTimeout(timer)
  request.once('end', settle)
  request.once('close', settle)
}

/** How long a client may go on sending a body that was refused, before its socket is closed. */
const DISCARD_MS = 1_000

/** Lets the refusal reach a client that is still sending: closing at once would reset the connection under it. */
function discardRest(request: IncomingMessage): void {
  request.resume()
  setTimeout(() => request.destroy(), DISCARD_MS).unref()
}

/** The request for the SDK: without the body, which is parsed already, and without the credential. */
function webRequestOf(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name === 'authorization' || name === 'cookie') continue
    headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const { pathname, search } = urlOf(request)
  return new Request(`http://${request.headers.host}${pathname}${search}`, { method: 'POST', headers, signal })
}
