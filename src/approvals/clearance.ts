import type { AgentInfo, Caller, ClearedCall, Constraints, Decision, Json, MaskedOutput } from '../call.ts'
import type { Approval, Lease, ShownRequest } from './approval.ts'
import type { Hold } from './hold.ts'
import type { ApprovalStore, EventOutbox, IdempotencyStore, RevocationStore, UseStore } from './ports.ts'
import type { RecordEvent } from './recordEvents.ts'
import type { ApprovalRules } from './settings.ts'

/** A call that was understood and decided in this request, by a caller who was verified in this request. */
export interface ClearRequest {
  readonly callId: string
  readonly caller: Caller
  readonly agent: AgentInfo
  readonly tool: string
  readonly connection: string
  readonly labels: Readonly<Record<string, string>>
  readonly connectionVersion?: string | undefined
  readonly args: Json
  readonly effect: 'read' | 'write'
  readonly decision: Decision
  readonly digest: string
  readonly constraints: Constraints
  readonly idempotencyKey: string | undefined
  /** The approval this request waited for or collects. Without it an identical one is joined, or a new one opened. */
  readonly approvalId: string | undefined
  /** What reviewers will read. Called only when a new request is made: previews cost. */
  describe(): Promise<ShownRequest>
}

/** What clearing needs from outside. */
export interface ApprovalGate {
  readonly store: ApprovalStore & IdempotencyStore & RevocationStore & EventOutbox & UseStore
  readonly rules: () => ApprovalRules
  /** The lease of this run. */
  readonly lease: () => Lease
  readonly recordEvent: RecordEvent
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

export type Clearance =
  /** May run, once, now. `hold` is checked after the intent is durable, and settled at the end. */
  | {
      readonly state: 'cleared'
      readonly call: ClearedCall
      readonly hold: Hold
      readonly approval: Approval | undefined
    }
  /** People are asked. Let go of the target, wait, then understand, decide and clear again with this approval's id. */
  | { readonly state: 'pending'; readonly approval: Approval }
  /** Another request of this caller runs it. Wait, then clear again with this approval's id. */
  | { readonly state: 'executing'; readonly approval: Approval }
  /** A reviewer wrote this one in its place. Wait for it, then understand, decide and clear its arguments. */
  | { readonly state: 'replaced'; readonly approval: Approval }
  /** It has run. The result is what was kept; undefined when it is no longer kept or was lost in a crash. */
  | {
      readonly state: 'kept'
      readonly callId: string
      readonly approvalId: string | undefined
      readonly executedAt: number
      readonly output: MaskedOutput | undefined
    }
