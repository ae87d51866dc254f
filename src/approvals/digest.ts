import { createHash, createHmac } from 'node:crypto'
import type { Json, Operation } from '../call.ts'
import { canonicalJson } from './canonicalJson.ts'

/** Everything an approval is bound to. Change any of it and the approval is for something else. */
export interface DigestInput {
  /** Two agents of one person are two callers and have two digests. */
  readonly callerKey: string
  readonly tool: string
  /** The arguments without `reason` and `idempotency_key`: exactly what runs. */
  readonly args: Json
  readonly operations: readonly Operation[]
  /** `Understanding.judged` and `Understanding.target`. */
  readonly judged: Json
  readonly target: Json
  readonly constraints: { readonly maxRows: number | undefined }
}

/** Rewording the reason must not open a second request, nor dodge the memory of a denial. */
const NOT_BOUND = new Set(['reason', 'idempotency_key'])

/**
 * `hmac-sha256:<hex>` over canonical JSON. Keyed, because the digest is shown and recorded: with a plain hash anyone
 * who reads the trail could try out masked literals until one fits.
 */
export function digestOf(key: Uint8Array, input: DigestInput): string {
  const bound: Json = [
    'countersign approval 1',
    input.callerKey,
    input.tool,
    boundArguments(input.args),
    input.operations.map(operationAsJson),
    input.judged,
    input.target,
    { maxRows: input.constraints.maxRows ?? null },
  ]
  const text = canonicalJson(bound)
  const known = latest.get(input.operations)
  if (known?.text === text && known.key === key) return known.digest
  const digest = `hmac-sha256:${createHmac('sha256', key).update(text, 'utf8').digest('hex')}`
  latest.set(input.operations, { key, text, digest })
  return digest
}

/**
 * The last digest for each list of operations that somebody still holds: a tool that understands the same request again
 * may hand out the same list. It only says where to look; a digest is used again for the same bytes under the same key.
 */
const latest = new WeakMap<
  DigestInput['operations'],
  { readonly key: Uint8Array; readonly text: string; readonly digest: string }
>()

function boundArguments(args: Json): Json {
  if (args === null || typeof args !== 'object' || Array.isArray(args)) return args
  return Object.fromEntries(Object.entries(args).filter(([name]) => !NOT_BOUND.has(name)))
}

function operationAsJson(operation: Operation): Json {
  const { operation: name, otherwise, floor, because, facts } = operation
  return { operation: name, otherwise, floor: floor ?? null, because: because ?? null, facts }
}

/** Names the settings of a connection, which hold no secret, only where secrets are. Another one for every change. */
export function settingsVersion(settings: object): string {
  return createHash('sha256').update(JSON.stringify(settings), 'utf8').digest('base64url')
}
