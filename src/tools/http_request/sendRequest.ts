import type { Dispatcher } from 'undici'
import { GateError } from '../../errors.ts'
import type { Deadline } from './openDeadline.ts'
import type { HeaderPairs } from './readHeaders.ts'
import type { HttpRequest } from './readRequest.ts'
import type { Target } from './targets.ts'

export type RawResponse = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>

/** What stands in every request unless the caller or the connection says otherwise. */
const DEFAULT_HEADERS: HeaderPairs = [
  ['accept', 'application/json, text/*;q=0.9, */*;q=0.5'],
  ['user-agent', 'countersign'],
]

/** All headers of a request, each name once; what the server holds wins over everything. */
export function headersOf(request: HttpRequest, held: HeaderPairs, extra: HeaderPairs): HeaderPairs {
  const { body } = request
  const own: HeaderPairs = body.kind === 'none' ? [] : [['content-type', body.contentType]]
  const encoding: HeaderPairs = [['accept-encoding', 'gzip, deflate, br']]
  return [...new Map([...DEFAULT_HEADERS, ...request.headers, ...own, ...extra, ...held, ...encoding])]
}

/**
 * A read, on a connection that others have used.
 *
 * @throws GateError ERR_TARGET_UNAVAILABLE, ERR_HTTP_ADDRESS, ERR_HTTP_TIMEOUT, ERR_HTTP_RESPONSE, ERR_CANCELLED
 */
export async function sendRead(
  target: Target,
  request: HttpRequest,
  headers: HeaderPairs,
  deadline: Deadline,
): Promise<RawResponse> {
  try {
    return await (await target.readers()).request(optionsOf(request, headers, deadline))
  } catch (error) {
    throw explainFailure(error, deadline)
  }
}

/**
 * A write, on a connection of its own that `close` ends. Once that is open the request may have arrived.
 *
 * @throws GateError as for a read before the connection is open; ERR_OUTCOME_UNKNOWN after that
 */
export async function sendWrite(
  target: Target,
  request: HttpRequest,
  headers: HeaderPairs,
  deadline: Deadline,
): Promise<{ readonly response: RawResponse; close(): Promise<void> }> {
  const client = await target.openWriter()
  let mayHaveArrived = false
  client.once('connect', () => {
    mayHaveArrived = true
  })
  try {
    const response = await client.request({ ...optionsOf(request, headers, deadline), reset: true })
    return { response, close: () => client.destroy() }
  } catch (error) {
    await client.destroy().catch(() => undefined)
    if (mayHaveArrived) throw new GateError('ERR_OUTCOME_UNKNOWN', { cause: error })
    throw explainFailure(error, deadline)
  }
}

function optionsOf({ method, sentPath, body }: HttpRequest, headers: HeaderPairs, { signal }: Deadline) {
  return {
    method,
    path: sentPath,
    headers: headers.flat(),
    body: body.kind === 'none' ? null : body.text,
    signal,
  } satisfies Dispatcher.RequestOptions
}

/** Why there is no answer, without the words of libraries: they may repeat what was sent. */
export function explainFailure(error: unknown, deadline: Deadline): GateError {
  if (error instanceof GateError) return error
  if (deadline.hasPassed()) return new GateError('ERR_HTTP_TIMEOUT', { cause: error })
  if (deadline.signal.aborted) return new GateError('ERR_CANCELLED', { cause: error })
  const code = codeOf(error)
  // The parser of answers gives its errors no code of their own.
  const isParsers = error instanceof Error && error.name === 'HTTPParserError'
  if (isParsers || UNREADABLE.has(code)) return new GateError('ERR_HTTP_RESPONSE', { cause: error })
  const detail = REASONS[code] ?? (/CERT|SSL|TLS|SELF_SIGNED|ISSUER|ALTNAME/.test(code) ? `TLS: ${code}.` : undefined)
  return new GateError('ERR_TARGET_UNAVAILABLE', { cause: error, ...(detail !== undefined && { detail }) })
}

/** Codes are names of a library, never text of a server. */
function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : ''
}

const UNREADABLE = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_NOT_SUPPORTED'])

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'Its name could not be resolved.',
  EAI_AGAIN: 'Its name could not be resolved.',
  ECONNREFUSED: 'It refused the connection.',
  ECONNRESET: 'It closed the connection.',
  UND_ERR_SOCKET: 'It closed the connection.',
  UND_ERR_CONNECT_TIMEOUT: 'Connecting took too long.',
}
