import { digestOf } from '../approvals/digest.ts'
import type { Constraints, Decision, Operation } from '../call.ts'
import { maskOperation } from '../masking/maskOperation.ts'
import { type MaskedRequest, maskRequest } from '../masking/maskText.ts'
import { type Moment, unusedAt } from '../policy/circumstances.ts'
import { decide } from '../policy/decide.ts'
import type { Understanding, Understood } from '../tools/tool.ts'
import type { InForce } from './gates.ts'
import type { Passage } from './passage.ts'
import type { ToolRequest } from './readRequest.ts'

/** What is decided about a call as it was understood, or as it will most likely be. */
export interface Weighed {
  /** What it is about. */
  readonly understood: Understood
  /** What it rests on beside that. */
  readonly basis: Basis
  readonly decision: Decision
  readonly constraints: Constraints
  readonly digest: string
  /** The request as people may see it. */
  readonly shown: MaskedRequest
  /** The operations as people may see them. */
  readonly operations: readonly Operation[]
}

/** A call that was understood and decided, in this request, under one state of the policies. */
export interface JudgedRequest extends Pick<Weighed, 'decision' | 'constraints' | 'digest' | 'shown'> {
  readonly request: ToolRequest
  readonly understanding: Understanding
}

/**
 * Decides what was understood, binds it to a digest, and records both.
 *
 * @param ahead what was decided while the target was still being asked; it counts when it is about the very same, and
 *   nothing has changed meanwhile
 */
export function judge(
  request: ToolRequest,
  understanding: Understanding,
  inForce: InForce,
  passage: Passage,
  { used, ahead }: { readonly used?: Moment['used'] | undefined; readonly ahead?: Weighed | undefined } = {},
): JudgedRequest {
  const { record, masker } = passage
  const { effect } = understanding
  const isSame =
    ahead !== undefined && isAbout(ahead, understanding) && isUnchanged(ahead.basis, basisOf(inForce, passage))
  const show = maskEachOnce(masker)
  const operations = isSame ? ahead.operations : understanding.operations.map(show)
  record.understood({ connection: request.connection.name, effect, operations })
  const weighed = isSame ? ahead : weigh(request, understanding, inForce, passage, used, show)
  const { decision, constraints, digest, shown } = weighed
  passage.decision = decision
  const fields = shown.fields.map(({ name, text }) => [name, text])
  record.decided(decision, Object.fromEntries(fields), digest)
  return { request, understanding, decision, constraints, digest, shown }
}

function isAbout({ understood }: Weighed, understanding: Understood): boolean {
  const parts = ['operations', 'judged', 'target', 'request'] as const
  return parts.every((part) => understood[part] === understanding[part])
}

/** What may change while a target is asked; locks may make that seconds. */
interface Basis {
  readonly inForce: InForce
  /** The hours of rules begin and end with a minute. */
  readonly minute: number
  readonly credentials: object
}

function basisOf(inForce: InForce, { gates, masker }: Pick<Passage, 'gates' | 'masker'>): Basis {
  return { inForce, minute: Math.floor(gates.approvals.clock() / 60_000), credentials: masker.edition() }
}

function isUnchanged(before: Basis, now: Basis): boolean {
  return before.inForce === now.inForce && before.minute === now.minute && before.credentials === now.credentials
}

/** Decides what was understood, and binds it to a digest. Nothing is recorded: for what is asked of people only. */
export function weigh(
  request: ToolRequest,
  understood: Understood,
  inForce: InForce,
  { caller, masker, gates }: Pick<Passage, 'caller' | 'masker' | 'gates'>,
  used?: Moment['used'],
  show: ShowOperation = maskEachOnce(masker),
): Weighed {
  const { connection, tool } = request
  const { operations, judged, target } = understood
  const { policies } = inForce
  const basis = basisOf(inForce, { gates, masker })
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
  const shown = maskRequest(understood.request, masker)
  return { understood, basis, decision, constraints, digest, shown, operations: operations.map(show) }
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
