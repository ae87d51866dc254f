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
  const bytes = await readAtMost(request, limit)
  try {
    return JSON.parse(UTF8.decode(bytes))
  } catch {
    throw new GateError('ERR_BODY_MALFORMED')
  }
}

// Not `for await`: leaving that loop early destroys the socket, and the refusal could not be sent any more.
function readAtMost(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) {
        chunks.push(chunk)
        return
      }
      request.off('data', take)
      request.pause()
      reject(new GateError('ERR_BODY_TOO_LARGE'))
    }
    request.on('data', take)
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => reject(new GateError('ERR_BODY_MALFORMED', { detail: 'The body ended early.' })))
    request.on('error', (cause) =>
      reject(new GateError('ERR_BODY_MALFORMED', { detail: 'The body ended early.', cause })),
    )
  })
}
