import {
  type CallToolRequest,
  CLIENT_INFO_META_KEY,
  createMcpHandler,
  type ListToolsResult,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { AgentInfo, Caller, Json } from '../call.ts'
import { newId } from '../newId.ts'
import type { Front, ToolListing, Waiter } from './ports.ts'
import { renderAnswer } from './renderAnswer.ts'

/** What the HTTP side knows about a request, handed through the SDK untouched. */
export interface Exchange {
  readonly caller: Caller
  readonly credential: string | undefined
  readonly address: string
  readonly userAgent: string | undefined
  /** Called when a tools/call gets through to the gates, which record it from there on. */
  readonly onCall: () => void
}

/** The MCP side of the wire: an authenticated request with a parsed body in, a web Response out. */
export interface McpEndpoint {
  serve(request: Request, body: unknown, exchange: Exchange): Promise<Response>
  /** Tells clients that keep a subscription that their tool list may have changed. */
  toolsChanged(): void
  close(): Promise<void>
}

interface EndpointOptions {
  readonly version: string
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
export function createMcpEndpoint(front: Front, { version, onError }: EndpointOptions): McpEndpoint {
  const handler = createMcpHandler(({ authInfo }) => serverFor(front, version, exchangeOf(authInfo?.extra)), {
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

function serverFor(front: Front, version: string, exchange: Exchange): Server {
  const server = new Server(
    { name: 'countersign', title: 'Countersign', version },
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
    const answer = await front.call(
      {
        id: newId('call'),
        tool: request.params.name,
        args: freezeDeep((request.params.arguments ?? {}) as Json),
        credential: exchange.credential,
        receivedAt: new Date(),
        agent: agentInfoOf(request, context, exchange),
        address: exchange.address,
      },
      waiterFor(context),
    )
    return renderAnswer(answer)
  })
  return server
}

function toWireTool(tool: ToolListing): ListToolsResult['tools'][number] {
  return { ...tool, inputSchema: { ...tool.inputSchema }, annotations: { title: tool.title, ...tool.annotations } }
}

function exchangeOf(extra: Record<string, unknown> | undefined): Exchange {
  const exchange = extra?.exchange
  if (exchange === undefined) throw new TypeError('an MCP request reached the SDK without authentication')
  return exchange as Exchange
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

/** `_meta` keys in which clients name their conversation. */
const CONVERSATION_KEYS = ['io.countersign/session', 'claudecode/sessionId', 'threadId', 'conversationId'] as const

function agentInfoOf(request: CallToolRequest, context: ServerContext, exchange: Exchange): AgentInfo {
  const envelope: Readonly<Record<string, unknown>> = { ...context.mcpReq.envelope }
  const client = envelope[CLIENT_INFO_META_KEY] as { name?: unknown; version?: unknown } | undefined
  const meta: Readonly<Record<string, unknown>> = { ...context.mcpReq._meta, ...request.params._meta }
  return {
    name: shortText(client?.name ?? exchange.userAgent),
    version: shortText(client?.version),
    conversation: CONVERSATION_KEYS.map((key) => shortText(meta[key])).find((id) => id !== undefined),
    traceparent: shortText(meta.traceparent),
  }
}

// Untrusted and only for the record: bounded, and plain enough to grep.
function shortText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  return value.slice(0, 128).replace(/[^\x20-\x7e]/g, '?')
}

function freezeDeep(value: Json): Json {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) freezeDeep(member)
    Object.freeze(value)
  }
  return value
}
