import type { ServerResponse } from 'node:http'

/** How long a client may read nothing of an answer: until it has, its call keeps its place among those that run. */
const STALL_MS = 60_000

/**
 * Copies a web Response onto a node response, honouring back-pressure; stops when the client has gone, and drops one
 * that does not read.
 */
export async function writeResponse(from: Response, to: ServerResponse, stallMs = STALL_MS): Promise<void> {
  if (to.destroyed) {
    await from.body?.cancel()
    return
  }
  to.writeHead(from.status, Object.fromEntries(from.headers))
  if (from.body === null) {
    to.end()
    return
  }
  const reader = from.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (to.destroyed) {
      await reader.cancel()
      return
    }
    if (!to.write(value)) await settled(to, 'drain', stallMs)
  }
  to.end()
}

/**
 * Ends a response with its last or only piece. Resolves when the client has taken nearly all of it, has gone, or was
 * dropped because it does not read.
 */
export async function endResponse(to: ServerResponse, text: string, stallMs = STALL_MS): Promise<void> {
  if (to.destroyed) return
  to.end(text)
  if (!to.writableNeedDrain && to.writableLength === 0) return
  await settled(to, 'finish', stallMs)
}

/** Resolves when the response has said this or is closed; one whose client does not read for so long is destroyed. */
function settled(to: ServerResponse, event: 'drain' | 'finish', stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => to.destroy(), stallMs)
    const settle = () => {
      clearTimeout(timer)
      to.off(event, settle)
      to.off('close', settle)
      resolve()
    }
    to.on(event, settle)
    to.on('close', settle)
  })
}

/** Answers with JSON. Every answer of this server is private and must not be cached or sniffed. */
export function writeJson(
  to: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (to.headersSent || to.destroyed) return
  const text = JSON.stringify(body)
  to.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  to.end(text)
}
