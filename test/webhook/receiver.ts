import { createServer, type IncomingHttpHeaders } from 'node:http'
import { listen } from '../fixtures/wire.ts'

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How the receiver answers: a status, headers of it, or not at all. */
type Behaviour = { status: number; headers?: Record<string, string> } | 'hang' | 'reset'

export interface Receiver {
  readonly url: string
  readonly port: number
  /** Everything that arrived, in order. */
  readonly received: Received[]
  /** `webhook-id` of what was answered with 2xx. */
  readonly accepted: string[]
  behave(next: Behaviour): void
  close(): Promise<void>
}

/** A real HTTP server on loopback that keeps what it gets. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = []
  const accepted: string[] = []
  let behaviour: Behaviour = { status: 204 }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      })
      if (behaviour === 'hang') return
      if (behaviour === 'reset') return void request.socket.destroy()
      if (behaviour.status < 300) accepted.push(String(request.headers['webhook-id']))
      response.writeHead(behaviour.status, behaviour.headers).end()
    })
  })
  if (port === 0) port = await listen(server)
  else await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
  return {
    url: `http://127.0.0.1:${port}/hook?key=path-canary-3f`,
    port,
    received,
    accepted,
    behave(next) {
      behaviour = next
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
