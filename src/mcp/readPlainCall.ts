import type { IncomingHttpHeaders } from 'node:http'
import {
  CLIENT_INFO_META_KEY,
  classifyInboundRequest,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  RELATED_TASK_META_KEY,
} from '@modelcontextprotocol/server'
import type { Json } from '../call.ts'
import type { CallMessage } from './toolCall.ts'

/** A `tools/call` with nothing left in it for the SDK to judge: it would hand exactly this to the handler. */
export interface PlainCall extends CallMessage {
  /** Protocol 2026-07-28, or one of 2025. */
  readonly isModern: boolean
  readonly id: string | number
  readonly progressToken: string | number | undefined
}

const MODERN_VERSION = '2026-07-28'
const VERSIONS_OF_2025 = new Set(['2025-03-26', '2025-06-18', '2025-11-25'])
const JSON_TYPES = new Set(['application/json', 'application/json; charset=utf-8'])

/**
 * Recognises a plain, valid call of either generation of the protocol. An allow-list: whatever is missing, different or
 * unheard of makes it undefined, and then the SDK answers.
 *
 * @param body parsed JSON
 */
export function readPlainCall(headers: IncomingHttpHeaders, body: unknown): PlainCall | undefined {
  if (!JSON_TYPES.has(headers['content-type'] ?? '')) return undefined
  if (!hasOnly(body, MESSAGE_KEYS) || body.jsonrpc !== '2.0' || body.method !== 'tools/call') return undefined
  const { id, params } = body
  if (!isIdentifier(id) || !hasOnly(params, PARAMS_KEYS)) return undefined
  const { name, arguments: args = {}, _meta: meta = {} } = params
  if (typeof name !== 'string' || !isPlainRecord(args) || !isPlainRecord(meta)) return undefined
  const { progressToken } = meta
  if (progressToken !== undefined && !isIdentifier(progressToken)) return undefined
  if (RELATED_TASK_META_KEY in meta || LOG_LEVEL_META_KEY in meta) return undefined

  const isModern = isModernCall(headers, body, name)
  if (!isModern && !isCallOf2025(headers, meta)) return undefined
  const client = isModern ? (meta[CLIENT_INFO_META_KEY] as CallMessage['client']) : undefined
  return { isModern, id, name, args: args as Json, meta, client, progressToken }
}

const MESSAGE_KEYS = new Set(['jsonrpc', 'id', 'method', 'params'])
const PARAMS_KEYS = new Set(['name', 'arguments', '_meta'])

/** The SDK judges the envelope; the headers that this protocol demands must repeat the body to the letter. */
function isModernCall(headers: IncomingHttpHeaders, body: unknown, name: string): boolean {
  if (headers['mcp-protocol-version'] !== MODERN_VERSION || headers['mcp-method'] !== 'tools/call') return false
  // Other names may come encoded.
  if (headers['mcp-name'] !== name || !/^[\w.-]+$/.test(name)) return false
  const found = classifyInboundRequest({
    httpMethod: 'POST',
    protocolVersionHeader: MODERN_VERSION,
    mcpMethodHeader: 'tools/call',
    mcpNameHeader: name,
    body,
  })
  return found.kind === 'modern' && found.messageKind === 'request' && found.classification.revision === MODERN_VERSION
}

function isCallOf2025(headers: IncomingHttpHeaders, meta: Readonly<Record<string, unknown>>): boolean {
  const { 'mcp-protocol-version': version, accept = '' } = headers
  if (version !== undefined && !(typeof version === 'string' && VERSIONS_OF_2025.has(version))) return false
  if (headers['mcp-method'] !== undefined || headers['mcp-name'] !== undefined) return false
  if (!accept.includes('application/json') || !accept.includes('text/event-stream')) return false
  // What claims to be of the newer protocol is not plain in the older ones.
  return !Object.keys(meta).some((key) => key.startsWith(ENVELOPE_PREFIX))
}

const ENVELOPE_PREFIX = PROTOCOL_VERSION_META_KEY.slice(0, PROTOCOL_VERSION_META_KEY.indexOf('/') + 1)

/** As JSON-RPC ids and progress tokens are in MCP. */
function isIdentifier(value: unknown): value is string | number {
  return typeof value === 'string' || Number.isSafeInteger(value)
}

/** An object of JSON. The name `__proto__` is left to the SDK: schemas drop it, and a copy by hand may not. */
function isPlainRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__')
}

function hasOnly(value: unknown, keys: ReadonlySet<string>): value is Record<string, unknown> {
  return isPlainRecord(value) && Object.keys(value).every((key) => keys.has(key))
}
