import type { ServerResponse } from 'node:http'
import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server'
import type { Front, Waiter } from './ports.ts'
import type { PlainCall } from './readPlainCall.ts'
import { renderAnswerText } from './renderAnswer.ts'
import type { ServerInfo } from './serverInfo.ts'
import { type Exchange, toToolCall } from './toolCall.ts'
import { endResponse } from './writeResponse.ts'

/** A call of 2025 that takes longer tells its client with the headers that it is alive. A quick answer is one write. */
const HEADERS_AFTER_MS = 1_000
/** Comments keep proxies from closing a stream that waits for people. */
const KEEP_ALIVE_MS = 15_000

const JSON_HEADERS = { 'content-type': 'application/json' } as const

const STREAM_HEADERS = {
  'cache-control': 'no-cache, no-transform',
  connection: 'keep-alive',
  'content-type': 'text/event-stream',
  'x-accel-buffering': 'no',
} as const

/**
 * Answers a plain call as the SDK would, to the byte, without building a server, a web request, a web response and
 * streams for it. Clients of 2025 get a stream; those of 2026-07-28 get JSON, unless they were told of progress.
 * Resolves when the answer is on its way or the client has gone.
 */
export async function answerPlainCall(
  call: PlainCall,
  { front, serverInfo, exchange }: { front: Front; serverInfo: ServerInfo; exchange: Exchange },
  response: ServerResponse,
): Promise<void> {
  const stream = openStream(response)
  const gone = new AbortController()
  const leave = () => gone.abort()
  response.on('close', leave)
  const headersTimer = call.isModern ? undefined : setTimeout(stream.begin, HEADERS_AFTER_MS)
  try {
    const answer = await front.call(toToolCall(call, exchange), waiterFor(call, gone.signal, stream))
    if (response.destroyed) return
    const result = call.isModern
      ? renderAnswerText(
          answer,
          `,"resultType":"complete","_meta":${JSON.stringify({ [SERVER_INFO_META_KEY]: serverInfo })}`,
        )
      : renderAnswerText(answer)
    const message = `{"result":${result},"jsonrpc":"2.0","id":${JSON.stringify(call.id)}}`
    if (stream.hasBegun()) return await endResponse(response, eventOf(message))
    const body = call.isModern ? message : eventOf(message)
    response.writeHead(200, {
      ...(call.isModern ? JSON_HEADERS : STREAM_HEADERS),
      'content-length': Buffer.byteLength(body),
    })
    await endResponse(response, body)
  } finally {
    response.off('close', leave)
    clearTimeout(headersTimer)
    stream.rest()
  }
}

function eventOf(message: string): string {
  return `event: message\ndata: ${message}\n\n`
}

/** The event stream of one response, which begins when there is something to tell before the answer. */
function openStream(response: ServerResponse) {
  let keepAlive: NodeJS.Timeout | undefined
  const canWrite = () => !response.destroyed && !response.writableEnded
  const stream = {
    hasBegun: () => keepAlive !== undefined,
    begin() {
      if (keepAlive !== undefined || !canWrite()) return
      response.writeHead(200, STREAM_HEADERS)
      response.flushHeaders()
      keepAlive = setInterval(() => canWrite() && response.write(': keepalive\n\n'), KEEP_ALIVE_MS).unref()
    },
    send(message: string) {
      stream.begin()
      if (canWrite()) response.write(eventOf(message))
    },
    rest: () => clearInterval(keepAlive),
  }
  return stream
}

function waiterFor({ progressToken }: PlainCall, signal: AbortSignal, stream: ReturnType<typeof openStream>): Waiter {
  let progress = 0
  return {
    signal,
    async progress(message) {
      if (progressToken === undefined || signal.aborted) return
      progress += 1
      const params = { progressToken, progress, message }
      stream.send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params }))
    },
  }
}
