import { digestOf } from '../approvals/digest.ts'
import type { Constraints, Decision, Operation } from '../call.ts'
import { maskOperation } from '../masking/maskOperation.ts'
import { type MaskedRequest, maskRequest } from '../masking/maskText.ts'
import { type Moment, unusedAt } from '../policy/circumstances.ts'
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
  inForce: InForce,
  passage: Passage,
  used?: Moment['used'],
): JudgedRequest {
  const { record, masker } = passage
  const { effect } = understanding
  const show = maskEachOnce(masker)
  record.understood({ connection: request.connection.name, effect, operations: understanding.operations.map(show) })
  const judged = weigh(request, understanding, inForce, passage, used, show)
  passage.decision = judged.decision
  const fields = judged.shown.fields.map(({ name, text }) => [name, text])
  record.decided(judged.decision, Object.fromEntries(fields), judged.digest)
  return judged
}

/** Decides what was understood, and binds it to a digest. Nothing is recorded: for what is asked of people only. */
export function weigh(
  request: ToolRequest,
  understanding: Understanding,
  { policies }: InForce,
  { caller, masker, gates }: Pick<Passage, 'caller' | 'masker' | 'gates'>,
  used?: Moment['used'],
  show: ShowOperation = maskEachOnce(masker),
): JudgedRequest {
  const { connection, tool } = request
  const { operations, judged, target } = understanding
  // Uses are counted by clear.ts, where nothing can come in between; here every rule has room.
  const moment = { ...unusedAt(gates.approvals.clock(), policies.rated), ...(used && { used }) }
  const decided = decide({ caller, connection, tool: tool.name, operations, moment }, policies)
  const decision = withoutSecrets(decided, show)
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
  return { request, understanding, decision, constraints, digest, shown }
}

/** The decision as everybody may see it: what the operations quote of the caller is masked. */
function withoutSecrets(decision: Decision, show: ShowOperation): Decision {
  const verdicts = decision.verdicts.map((verdict) => ({ ...verdict, operation: show(verdict.operation) }))
  return { ...decision, verdicts }
}

type ShowOperation = (operation: Operation) => Operation

/** Masks the operations of one call. The verdicts are about the very operations that were reported. */
function maskEachOnce(masker: Passage['masker']): ShowOperation {
  const shown = new Map<Operation, Operation>()
  return (operation) => {
    const known = shown.get(operation)
    if (known !== undefined) return known
    const masked = maskOperation(operation, masker)
    shown.set(operation, masked)
    return masked
  }
}
