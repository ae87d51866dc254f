import type { ApprovalGate } from '../approvals/clearance.ts'
import type { HoldStore } from '../approvals/hold.ts'
import type { ApprovalStore, UseStore } from '../approvals/ports.ts'
import type { RecordOptions } from '../audit/record.ts'
import type { Caller } from '../call.ts'
import type { GateTool } from '../gateTools/gateTool.ts'
import type { VerifyToken } from '../identity/authenticate.ts'
import type { Masker } from '../masking/masker.ts'
import type { PolicySet } from '../policy/policySet.ts'
import type { Tool } from '../tools/tool.ts'

/** A connection as the stages know it: no host, no credential. */
export interface GateConnection {
  readonly name: string
  readonly type: string
  readonly labels: Readonly<Record<string, string>>
  /** Another one for every change of its settings: what was masked under others is not handed out again. */
  readonly version?: string
}

/** What is in force. A call takes it once for each judgement, so that rules and connections always fit together. */
export interface InForce {
  readonly policies: PolicySet
  readonly connections: ReadonlyMap<string, GateConnection>
}

/** Everything the pipeline needs from outside. `startGateway.ts` fills it. */
export interface Gates {
  readonly verifyToken: VerifyToken
  readonly inForce: () => InForce
  readonly tools: readonly Tool[]
  readonly gateTools: readonly GateTool[]
  readonly approvals: ApprovalGate & HoldStore & { readonly store: ApprovalStore & UseStore }
  /** Keys the digests of this deployment. */
  readonly digestKey: Uint8Array
  /** A masker that suspends the caller who keeps meeting the server's own credentials. Before authentication: nobody. */
  readonly maskerFor: (caller: Caller | undefined) => Masker
  readonly record: RecordOptions
  /** How long a call waits for people inside the request, in milliseconds. */
  readonly inlineWaitMs: () => number
  /** For the operational log: unexpected failures, with the call id, never shown to the agent. */
  readonly onBug: (callId: string, error: unknown) => void
}
