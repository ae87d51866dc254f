import type { Json, Operation, StartedCall } from '../../call.ts'
import type { Preview, Report, ToolOutput } from '../tool.ts'
import type { ParsedArgs } from './args/parseArgs.ts'
import type { Cluster } from './cluster/openCluster.ts'
import type { Hider } from './hide/hider.ts'
import type { KubernetesConnection } from './settings.ts'

/** What every verb is planned with. */
export interface Planning {
  readonly args: ParsedArgs
  readonly manifest: string | undefined
  readonly cluster: Cluster
  readonly settings: KubernetesConnection
  readonly hider: Hider
  /** Ends the planning; what runs later has a signal of its own. */
  readonly signal: AbortSignal
}

/** A call, judged: what it would do, and how to do exactly that. */
export interface Plan {
  readonly effect: 'read' | 'write'
  readonly operations: readonly Operation[]
  readonly judged: Json
  preview(signal: AbortSignal): Promise<Preview | undefined>
  execute(run: Run): Promise<ToolOutput>
}

export interface Run {
  readonly call: Pick<StartedCall, 'constraints'>
  readonly beforeCommit: (outcomeRef: Json) => Promise<void>
  readonly signal: AbortSignal
  readonly report: Report
}

/** A plan that only reads: nothing to preview. */
export function readPlan(operations: readonly Operation[], execute: Plan['execute'], judged: Json = null): Plan {
  return { effect: 'read', operations, judged, preview: async () => undefined, execute }
}
