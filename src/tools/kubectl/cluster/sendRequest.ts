import { Agent, request as httpsRequest } from 'node:https'
import { GateError } from '../../../errors.ts'
import { type ApiRequest, pathOf } from './apiRequest.ts'
import type { Access, Authentication } from './loadAccess.ts'

export interface RawAnswer {
  readonly status: number
  readonly body: Buffer
}

/** More than any list that is worth masking; a larger answer is cut off while it comes in. */
const MAX_ANSWER = 16 * 1024 ** 2

/**
 * Sends one request, follows no redirect, and reads the answer up to a cap. The time limit is for all of it.
 *
 * @throws GateError ERR_TARGET_UNAVAILABLE before anything was sent, ERR_OUTCOME_UNKNOWN when a change was and its answer
 *   is lost, ERR_KUBECTL_TOO_LARGE.
 */
export async function sendRequest(
  access: Access,
  agent: Agent,
  request: ApiRequest,
  timeout: number,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
  const authentication = await authenticate(access, limit, signal)
  const body = request.body === undefined ? undefined : JSON.stringify(request.body)
  const { server } = access
  return new Promise((resolve, reject) => {
    let isSent = false
    const fail = (cause: unknown) => {
      if (signal.aborted && !isChange(request)) return reject(signal.reason)
      if (cause instanceof GateError) return reject(cause)
      const code = isSent && isChange(request) ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_TARGET_UNAVAILABLE'
      reject(new GateError(code, { cause, ...(limit.aborted && { detail: 'It did not answer in time.' }) }))
    }
    const outgoing = httpsRequest({
      ...authentication,
      agent,
      signal: limit,
      host: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port === '' ? 443 : Number(server.port),
      method: request.method,
      path: pathOf(request, server.pathname.replace(/\/$/, '')),
      headers: {
        ...authentication.headers,
        accept: request.accept ?? 'application/json',
        'user-agent': 'countersign',
        ...(body !== undefined && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
    })
    outgoing.on('socket', (socket) => {
      if (outgoing.reusedSocket) isSent = true
      else socket.once('secureConnect', () => (isSent = true))
    })
    outgoing.on('error', fail)
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size <= MAX_ANSWER) return
        fail(new GateError(isChange(request) ? 'ERR_OUTCOME_UNKNOWN' : 'ERR_KUBECTL_TOO_LARGE'))
        response.destroy()
      })
      response.on('error', fail)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    outgoing.end(body)
  })
}

async function authenticate(access: Access, limit: AbortSignal, signal: AbortSignal): Promise<Authentication> {
  try {
    return await access.authenticate(limit)
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof GateError) throw cause
    throw new GateError('ERR_TARGET_CREDENTIALS', { cause, detail: 'No credential could be got in time.' })
  }
}

/** Changes something, unless it is a dry run: those are asked for without consequences. */
export function isChange({ method, query }: ApiRequest): boolean {
  return method !== 'GET' && query?.dryRun === undefined
}

export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 16 })
}
