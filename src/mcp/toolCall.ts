import type { AgentInfo, Caller, Json, ToolCall } from '../call.ts'
import { newId } from '../newId.ts'

/** What the HTTP side knows about a request, beside its message. */
export interface Exchange {
  readonly caller: Caller
  readonly credential: string | undefined
  readonly address: string
  readonly userAgent: string | undefined
}

/** What a `tools/call` says, once its shape is known to be right. */
export interface CallMessage {
  readonly name: string
  readonly args: Json
  /** `_meta` of the request. Untrusted. */
  readonly meta: Readonly<Record<string, unknown>>
  /** What the client of protocol 2026-07-28 calls itself. Untrusted. */
  readonly client: { readonly name?: unknown; readonly version?: unknown } | undefined
}

/** A message as the gates take it. The arguments are frozen: what was judged is what runs. */
export function toToolCall(message: CallMessage, { credential, address, userAgent }: Exchange): ToolCall {
  return {
    id: newId('call'),
    tool: message.name,
    args: freezeDeep(message.args),
    credential,
    receivedAt: new Date(),
    agent: agentInfoOf(message, userAgent),
    address,
  }
}

/** `_meta` keys in which clients name their conversation. */
const CONVERSATION_KEYS = ['io.countersign/session', 'claudecode/sessionId', 'threadId', 'conversationId'] as const

function agentInfoOf({ client, meta }: CallMessage, userAgent: string | undefined): AgentInfo {
  return {
    name: shortText(client?.name ?? userAgent),
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
