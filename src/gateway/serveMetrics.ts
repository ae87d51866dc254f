import { createServer } from 'node:http'
import { GateError } from '../errors.ts'
import type { Metrics } from './metrics.ts'

/** Answers `GET /metrics` on an address of its own, where no tool call is ever served. Rejects with ERR_LISTEN. */
export async function serveMetrics(
  { read, contentType }: Pick<Metrics, 'read' | 'contentType'>,
  { host, port }: { readonly host: string; readonly port: number },
  onError: (error: unknown) => void,
): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // A page in a browser on this machine has another Host, and nothing to read here.
    const isHere = request.headers.origin === undefined && isAddress(request.headers.host)
    if (!isHere || request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(isHere ? 404 : 403).end()
      return
    }
    read().then(
      (text) => response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text),
      (error: unknown) => {
        onError(error)
        response.writeHead(500).end()
      },
    )
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  server.maxConnections = 16
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new GateError('ERR_LISTEN', { detail: `server.metrics, ${host}:${port}: ${cause.code}.`, cause }))
    })
    server.listen(port, host, () => resolve())
  })
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Scrapers name an address, or this machine. A name that a web page was loaded from is neither. */
function isAddress(host: string | undefined): boolean {
  return /^(localhost|(\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(host ?? '')
}
