import type { ApprovalStore } from '../approvals/ports.ts'
import type { Trail } from '../audit/trail.ts'
import type { VerifyToken } from '../identity/authenticate.ts'
import type { Front } from '../mcp/ports.ts'
import type { Tool } from '../tools/tool.ts'
import type { ConnectionCounts } from './watchConnections.ts'

/** What is looked at when somebody reads the metrics. */
export interface Watched {
  readonly store: Pick<ApprovalStore, 'list'>
  readonly connections: () => ConnectionCounts
  readonly trail: Pick<Trail, 'isWritable'>
}

/** Ports go in, and come out counted: they do the same as before. */
export interface Metrics {
  watchTrail(trail: Trail): Trail
  watchTool(tool: Tool): Tool
  watchTokens(verify: VerifyToken): VerifyToken
  watchFront(front: Front): Front
  watch(watched: Watched): void
  readonly contentType: string
  /** All of them, as text. */
  read(): Promise<string>
}

/** Nobody asked for metrics: everything comes out as it went in. */
export const NO_METRICS: Metrics = {
  watchTrail: (trail) => trail,
  watchTool: (tool) => tool,
  watchTokens: (verify) => verify,
  watchFront: (front) => front,
  watch: () => {},
  contentType: 'text/plain',
  read: async () => '',
}
