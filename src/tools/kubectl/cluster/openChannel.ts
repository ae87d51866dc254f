import type WebSocket from 'ws'
import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { listAt, textAt } from './apiObject.ts'
import { type ApiRequest, pathOf } from './apiRequest.ts'
import { failureOf } from './failureOf.ts'
import type { Access } from './loadAccess.ts'

/** What a command in a container has written, and how it ended. */
export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
  /** One of them was longer than the cap. */
  readonly truncated: boolean
}

/** Channels of `v4.channel.k8s.io`: the first byte of every message says which. */
const STDOUT = 1
const STDERR = 2
const STATUS = 3

/**
 * Runs a command through the exec subresource: WebSocket, no input, no terminal. Output beyond the cap is dropped while
 * the command goes on to its end, so that its exit code is known.
 *
 * @throws GateError ERR_OUTCOME_UNKNOWN when the connection is lost or the time is up: the command may still be running.
 */
export async function runInContainer(
  access: Access,
  request: ApiRequest,
  { timeout, maxBytes }: { readonly timeout: number; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<CommandResult> {
  const { WebSocket: Socket } = await import('ws')
  const { headers, ...tls } = await access.authenticate(AbortSignal.any([signal, AbortSignal.timeout(timeout)]))
  const url = `wss://${access.server.host}${pathOf(request, access.server.pathname.replace(/\/$/, ''))}`
  const socket = new Socket(url, ['v4.channel.k8s.io'], {
    ...tls,
    headers: { ...(headers as Record<string, string>), 'user-agent': 'countersign' },
    followRedirects: false,
    handshakeTimeout: timeout,
    maxPayload: 4 * 1024 ** 2,
    perMessageDeflate: false,
  } as WebSocket.ClientOptions)
  const streams = { [STDOUT]: collect(maxBytes), [STDERR]: collect(maxBytes) }
  const timer = new AbortController()
  const clock = setTimeout(() => timer.abort(), timeout)
  try {
    const status = await new Promise<Json>((resolve, reject) => {
      let isOpen = false
      const stop = () => reject(unknown(signal.aborted ? 'It was stopped' : 'The time was up'))
      signal.addEventListener('abort', stop, { once: true })
      timer.signal.addEventListener('abort', stop, { once: true })
      socket.on('open', () => {
        isOpen = true
      })
      socket.on('unexpected-response', (_, response) => {
        readBody(response).then((text) => reject(failureOf(response.statusCode ?? 0, parse(text), request)), reject)
      })
      socket.on('error', (cause) =>
        reject(isOpen ? unknown('The connection was lost') : new GateError('ERR_TARGET_UNAVAILABLE', { cause })),
      )
      socket.on('close', () => reject(unknown('The connection was lost')))
      socket.on('message', (message: Buffer) => {
        const [channel = -1] = message
        const rest = message.subarray(1)
        if (channel === STATUS) resolve(parse(rest.toString('utf8')) ?? {})
        else if (channel === STDOUT || channel === STDERR) streams[channel].add(rest)
      })
    })
    const [out, err] = [streams[STDOUT], streams[STDERR]]
    return {
      stdout: out.text(),
      stderr: err.text(),
      exitCode: exitCodeOf(status, request),
      truncated: out.isCut() || err.isCut(),
    }
  } finally {
    clearTimeout(clock)
    socket.removeAllListeners()
    socket.on('error', () => undefined)
    socket.terminate()
  }
}

function collect(maxBytes: number) {
  const chunks: Buffer[] = []
  let size = 0
  let cut = false
  return {
    add(chunk: Buffer) {
      const room = Math.max(0, maxBytes - size)
      if (chunk.length > room) cut = true
      if (room > 0) chunks.push(chunk.subarray(0, room))
      size += Math.min(room, chunk.length)
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
    isCut: () => cut,
  }
}

function exitCodeOf(status: Json, request: ApiRequest): number {
  if (textAt(status, 'status') === 'Success') return 0
  const code = listAt(status, 'details', 'causes').find((cause) => textAt(cause, 'reason') === 'ExitCode')
  const exitCode = Number(textAt(code, 'message') ?? Number.NaN)
  if (Number.isInteger(exitCode)) return exitCode
  throw failureOf(400, status, request)
}

/** The answer to a refused upgrade; more than a sentence is not wanted. */
async function readBody(response: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of response) {
    text += chunk.toString('utf8')
    if (text.length > 65_536) break
  }
  return text
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unknown(what: string): GateError {
  return new GateError('ERR_OUTCOME_UNKNOWN', { detail: `${what}; the command may still be running.` })
}
