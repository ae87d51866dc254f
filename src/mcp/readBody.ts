import type { IncomingMessage } from 'node:http'
import { GateError } from '../errors.ts'

/** Strict UTF-8: a body with invalid bytes is refused, not repaired, because what was judged must be what was sent. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Reads and parses one JSON body of at most `limit` bytes.
 *
 * Throws ERR_BODY_TOO_LARGE as soon as the limit is passed (the rest is never buffered) and ERR_BODY_MALFORMED for
 * anything that is not UTF-8 JSON, compressed bodies included.
 */
export async function readJsonBody(request: IncomingMessage, limit: number): Promise<unknown> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new GateError('ERR_BODY_MALFORMED', { detail: 'Compressed bodies are not accepted.' })
  }
  if (Number(request.headers['content-length'] ?? 0) > limit) throw new GateError('ERR_BODY_TOO_LARGE')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw new GateError('ERR_BODY_TOO_LARGE')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(UTF8.decode(Buffer.concat(chunks)))
  } catch {
    throw new GateError('ERR_BODY_MALFORMED')
  }
}
