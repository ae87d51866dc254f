import { digestOf } from '../approvals/digest.ts'
import type { Constraints, Decision } from '../call.ts'
import { type MaskedRequest, maskRequest } from '../masking/maskText.ts'
import { decide } from '../policy/decide.ts'
import type { Understanding } from '../tools/tool.ts'
import type { InForce } from './gates.ts'
import type { Passage } from './passage.ts'
import type { ToolRequest } from './readRequest.ts'

/** A call that was understood and decided, in this request, under one state of the policies. */
export interface JudgedRequest {
  readonly request: ToolRequest
  readonly understanding: Understanding
  readonly decision: Decision
  readonly constraints: Constraints
  readonly digest: string
  /** The request as people may see it. */
  readonly shown: MaskedRequest
}

/** Decides what was understood, binds it to a digest, and records both. */
export function judge(
  request: ToolRequest,
  understanding: Understanding,
  { policies }: InForce,
  passage: Passage,
): JudgedRequest {
  const { caller, gates, masker, record } = passage
  const { connection, tool } = request
  const { operations, judged, target, effect } = understanding
  record.understood({ connection: connection.name, effect, operations })
  const decision = decide({ caller, connection, tool: tool.name, operations }, policies)
  passage.decision = decision
  const constraints: Constraints = { maxRows: decision.approval?.maxRows }
  const bound = {
    callerKey: caller.key,
    tool: tool.name,
    args: request.rawArgs,
    operations,
    judged,
    target,
    constraints,
  }
  const digest = digestOf(gates.digestKey, bound)
  const shown = maskRequest(understanding.request, masker)
  record.decided(decision, Object.fromEntries(shown.fields.map(({ name, text }) => [name, text])), digest)
  return { request, understanding, decision, constraints, digest, shown }
}
