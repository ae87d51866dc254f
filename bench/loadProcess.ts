import { Agent, request } from 'node:http'
import { readInput, serveParent } from './childProcess.ts'
import { quantile } from './tables.ts'

/** One kind of request, sent again and again. */
export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** A word in the body that is another number in each request, so that no text comes twice. */
  readonly counter?: string
  readonly callers: number
  readonly seconds: number
}

export interface Measured {
  readonly requests: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

readInput<null>()
serveParent(
  (load: Load) => run(load),
  async () => undefined,
)

/** Each caller sends its next request when the last was answered, over a connection that it keeps. */
async function run({ url, headers, body, counter, callers, seconds }: Load): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers })
  const { hostname, port, pathname } = new URL(url)
  const options = {
    agent,
    host: hostname,
    port,
    path: pathname,
    method: 'POST',
    headers,
  }
  const latencies: number[] = []
  const began = performance.now()
  const until = began + seconds * 1000
  const caller = async () => {
    while (performance.now() < until) {
      const start = performance.now()
      const answer = await send()
      latencies.push(performance.now() - start)
      if (!answer.includes('"status":"ok"')) throw new Error(`the answer was ${answer.slice(0, 600)}`)
    }
  }
  let count = 0
  const send = () =>
    new Promise<string>((resolve, reject) => {
      count += 1
      const text = counter === undefined ? body : body.replace(counter, String(count))
      const own = { ...options, headers: { ...headers, 'content-length': Buffer.byteLength(text) } }
      const sent = request(own, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks).toString()))
      })
      sent.once('error', reject)
      sent.end(text)
    })
  await Promise.all(Array.from({ length: callers }, caller))
  const took = (performance.now() - began) / 1000
  agent.destroy()
  latencies.sort((a, b) => a - b)
  return {
    requests: latencies.length,
    perSecond: latencies.length / took,
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
  }
}
