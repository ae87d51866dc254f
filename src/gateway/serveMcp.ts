import type { Server } from 'node:http'
import type { Logger } from 'pino'
import type { Config } from '../config/loadConfig.ts'
import { GateError } from '../errors.ts'
import { challengeFor } from '../identity/challengeFor.ts'
import { challengeScope, protectedResourceMetadata } from '../identity/protectedResourceMetadata.ts'
import { createHttpServer, type HttpLimits, type JsonRoute } from '../mcp/createHttpServer.ts'
import { createMcpEndpoint } from '../mcp/createMcpEndpoint.ts'
import type { PageRoute } from '../mcp/pageRoute.ts'
import type { RawRoute } from '../mcp/rawRoute.ts'
import { serverInfoOf } from '../mcp/serverInfo.ts'
import type { StreamRoute } from '../mcp/streamRoute.ts'
import type { Gates } from '../pipeline/gates.ts'
import { VERSION } from '../version.ts'
import type { Closing } from './closeAll.ts'
import { createFront } from './createFront.ts'
import { errorFacts } from './errorFacts.ts'
import type { Metrics } from './metrics.ts'
import type { ReportProblem } from './reportProblems.ts'
import { metadataRoute } from './routes.ts'
import { serveMetrics } from './serveMetrics.ts'

interface ServeParts {
  readonly config: Config
  readonly gates: Gates
  readonly metrics: Metrics
  /** What is served beside MCP. */
  readonly routes: readonly (JsonRoute | PageRoute | RawRoute | StreamRoute)[]
  readonly limits: HttpLimits
  readonly problem: ReportProblem
  readonly log: Logger
}

export interface Served {
  /** Tells clients that keep a subscription that their tool list may have changed. */
  toolsChanged(): void
  /** Takes no new connections, lets running calls end for a while, then closes what is left. */
  drain(): Promise<void>
}

/** How long running calls may go on after the stop was asked for. */
const DRAIN_MS = 10_000

/** Listens, and from then on serves calls. Rejects with ERR_LISTEN. */
export async function serveMcp(parts: ServeParts, closing: Closing): Promise<Served> {
  const { config, gates, metrics, limits, problem, log } = parts
  const { listen, publicUrl, allowedHosts, allowedOrigins } = config.server
  const resource = new URL(publicUrl)
  const challenge = {
    resourceMetadataUrl: new URL(`/.well-known/oauth-protected-resource${resource.pathname}`, resource).href,
    scope: challengeScope(config.identity, publicUrl),
  }
  const metadata = protectedResourceMetadata(config.identity, publicUrl)
  const front = metrics.watchFront(createFront(gates))
  const serverInfo = serverInfoOf(VERSION)
  const mcp = createMcpEndpoint(front, { serverInfo, onError: (error) => log.debug(errorFacts(error), 'mcp') })
  closing.push(() => mcp.close())
  const http = createHttpServer(
    { mcpPath: resource.pathname, allowedHosts, allowedOrigins, limits },
    {
      front,
      mcp,
      plainCalls: serverInfo,
      routes: [metadataRoute(metadata, resource.pathname), ...parts.routes],
      challengeFor: (error) => challengeFor(error, challenge),
      onError: problem('http'),
    },
  )
  if (config.server.metrics !== undefined) {
    const served = await serveMetrics(metrics, config.server.metrics, problem('metrics'))
    closing.push(served.close)
  }
  await listenOn(http, listen)
  return { toolsChanged: () => mcp.toolsChanged(), drain: () => drain(http) }
}

function listenOn(server: Server, { host, port }: Config['server']['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'another program listens there' : `it cannot be opened (${cause.code})`
      reject(new GateError('ERR_LISTEN', { detail: `${host}:${port}: ${why}.`, cause }))
    })
    server.listen(port, host, () => resolve())
  })
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const impatient = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(impatient)
}
