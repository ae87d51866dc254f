import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { listen } from '../../fixtures/wire.ts'

/** A request as it arrived, before any framework looked at it. */
export interface Arrived {
  readonly method: string
  /** What stood in the request line. */
  readonly target: string
  /** Name, value, name, value, as they were written. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface TargetServer {
  readonly url: string
  readonly port: number
  readonly arrived: readonly Arrived[]
  /** Sockets that were ever opened. */
  readonly connections: () => number
  close(): Promise<void>
}

export type Answering = (request: Arrived, response: ServerResponse, raw: IncomingMessage) => unknown

/** A real HTTP server on loopback that remembers everything that arrived. */
export async function startTarget(answer: Answering): Promise<TargetServer> {
  const arrived: Arrived[] = []
  const sockets = new Set<Socket>()
  let opened = 0
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = []
    raw.on('data', (chunk: Buffer) => chunks.push(chunk))
    raw.on('end', () => {
      const request: Arrived = {
        method: raw.method ?? '',
        target: raw.url ?? '',
        rawHeaders: raw.rawHeaders,
        body: Buffer.concat(chunks).toString('utf8'),
      }
      arrived.push(request)
      answer(request, response, raw)
    })
  })
  server.on('connection', (socket) => {
    opened++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    arrived,
    connections: () => opened,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** The value of one header, as it arrived; undefined when it is not there, and an error when it is there twice. */
export function headerOf({ rawHeaders }: Arrived, name: string): string | undefined {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
  if (values.length > 1) throw new Error(`${name} arrived ${values.length} times`)
  return values[0]
}
