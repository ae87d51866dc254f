import type { Answer, Caller, ToolCall } from '../call.ts'
import type { ErrorCode } from '../errors.ts'

/** A tool as `tools/list` shows it to one caller. */
export interface ToolListing {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown }
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly idempotentHint: boolean
    readonly openWorldHint: boolean
  }
}

/** How a call that waits for a person stays in touch with its client. */
export interface Waiter {
  /** Aborts when the client closes the stream. */
  readonly signal: AbortSignal
  /** Tells the client that the call is alive; does nothing when the client asked for no progress. Never rejects. */
  progress(message: string): Promise<void>
}

/** What the wire needs from the rest of the server. */
export interface Front {
  /** Verifies the credential of this request. Throws coded errors; the pipeline does it again for every call. */
  authenticate(credential: string | undefined): Promise<Caller>
  /** What this caller may be shown. Listing is not enforcement. */
  listTools(caller: Caller): readonly ToolListing[]
  /** Runs one call to its answer. Records every way out; rejects never. */
  call(call: ToolCall, waiter: Waiter): Promise<Answer>
  /** Records a request that was turned away before it became a call. Cheap: aggregated, never awaited. */
  recordRefusal(refusal: Refusal): void
}

export interface Refusal {
  readonly address: string
  readonly code: ErrorCode
  readonly caller: Caller | undefined
  /** The tool that was asked for, when that much could be read. Untrusted. */
  readonly tool: string | undefined
}
