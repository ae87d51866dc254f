import {
  type CallToolRequest,
  CLIENT_INFO_META_KEY,
  createMcpHandler,
  type ListToolsResult,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { Json } from '../call.ts'
import type { Front, ToolListing, Waiter } from './ports.ts'
import { renderAnswer } from './renderAnswer.ts'
import type { ServerInfo } from './serverInfo.ts'
import { type CallMessage, type Exchange, toToolCall } from './toolCall.ts'

/** Handed through the SDK untouched. */
export interface SdkExchange extends Exchange {
  /** Called when a tools/call gets through to the gates, which record it from there on. */
  readonly onCall: () => void
}

/** The MCP side of the wire: an authenticated request with a parsed body in, a web Response out. */
export interface McpEndpoint {
  serve(request: Request, body: unknown, exchange: SdkExchange): Promise<Response>
  /** Tells clients that keep a subscription that their tool list may have changed. */
  toolsChanged(): void
  close(): Promise<void>
}

interface EndpointOptions {
  readonly serverInfo: ServerInfo
  readonly onError: (error: Error) => void
}

/** Repeated in tool descriptions and results, because not every client shows instructions to its model. */
const INSTRUCTIONS =
  'Calls are judged by policy, and some wait for a person: status=pending_approval means nothing has run yet, so call await_approval with the approval_id until it settles, and do not send the call again in other words. ' +
  'Values shown as [masked:...] are hidden from you on purpose; work without them.'

/**
 * Serves protocol 2026-07-28 and every 2025 version from one stateless endpoint.
 *
 * The SDK's low-level Server is used on purpose: the registering helpers answer unknown tools and invalid arguments by
 * themselves, and such calls would never reach the trail.
 */
export function createMcpEndpoint(front: Front, { serverInfo, onError }: EndpointOptions): McpEndpoint {
  const handler = createMcpHandler(({ authInfo }) => serverFor(front, serverInfo, exchangeOf(authInfo?.extra)), {
    onerror: onError,
  })
  return {
    serve: (request, body, exchange) =>
      handler.fetch(request, {
        parsedBody: body,
        // The SDK wants a token here; it gets none, so that nothing behind it can pass one on.
        authInfo: { token: '', clientId: exchange.caller.app, scopes: [], extra: { exchange } },
      }),
    toolsChanged: () => handler.notify.toolsChanged(),
    close: () => handler.close(),
  }
}

function serverFor(front: Front, serverInfo: ServerInfo, exchange: SdkExchange): Server {
  const server = new Server(
    { ...serverInfo },
    {
      // No listChanged: a client that sees it keeps a stream open for as long as it lives.
      capabilities: { tools: {} },
      instructions: INSTRUCTIONS,
      cacheHints: {
        'tools/list': { ttlMs: 60_000, cacheScope: 'private' },
        'server/discover': { ttlMs: 300_000, cacheScope: 'private' },
      },
    },
  )
  server.setRequestHandler('tools/list', () => ({ tools: front.listTools(exchange.caller).map(toWireTool) }))
  server.setRequestHandler('tools/call', async (request, context) => {
    exchange.onCall()
    const answer = await front.call(toToolCall(messageOf(request, context), exchange), waiterFor(context))
    return renderAnswer(answer)
  })
  return server
}

function toWireTool(tool: ToolListing): ListToolsResult['tools'][number] {
  return { ...tool, inputSchema: { ...tool.inputSchema }, annotations: { title: tool.title, ...tool.annotations } }
}

function exchangeOf(extra: Record<string, unknown> | undefined): SdkExchange {
  const exchange = extra?.exchange
  if (exchange === undefined) throw new TypeError('an MCP request reached the SDK without authentication')
  return exchange as SdkExchange
}

function waiterFor(context: ServerContext): Waiter {
  const progressToken = context.mcpReq._meta?.progressToken
  let progress = 0
  return {
    signal: context.mcpReq.signal,
    async progress(message) {
      if (progressToken === undefined || context.mcpReq.signal.aborted) return
      progress += 1
      await context.mcpReq
        .notify({ method: 'notifications/progress', params: { progressToken, progress, message } })
        // A client that has gone is noticed through the signal; a lost progress message changes nothing.
        .catch(() => {})
    },
  }
}

function messageOf({ params }: CallToolRequest, { mcpReq }: ServerContext): CallMessage {
  const envelope: Readonly<Record<string, unknown>> = { ...mcpReq.envelope }
  return {
    name: params.name,
    args: (params.arguments ?? {}) as Json,
    meta: { ...mcpReq._meta, ...params._meta },
    client: envelope[CLIENT_INFO_META_KEY] as CallMessage['client'],
  }
}
