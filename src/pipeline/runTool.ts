import type { Approval } from '../approvals/approval.ts'
import { clear } from '../approvals/clear.ts'
import type { Clearance, ClearRequest } from '../approvals/clearance.ts'
import { answerOf } from '../approvals/ownApproval.ts'
import type { Answer, Json } from '../call.ts'
import { GateError } from '../errors.ts'
import { checkStillValid } from '../identity/authenticate.ts'
import { maskPreview } from '../masking/mask.ts'
import { maskFacts } from '../masking/maskFacts.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { Tool } from '../tools/tool.ts'
import { answerOk, answerPending, answerStopped } from './answers.ts'
import { execute } from './execute.ts'
import { type JudgedRequest, judge, type Weighed, weigh } from './judge.ts'
import { findTool, type Passage } from './passage.ts'
import { findConnection, readRequest } from './readRequest.ts'
import { spaceOf } from './spaceOf.ts'
import { waitForPeople } from './waitForPeople.ts'

/**
 * Understands, decides, clears and executes one call of a gated tool. When people have to be asked it lets go of the
 * target, waits, and goes round once more: what runs is what the second judgement saw, and only when its digest is the
 * one that was approved.
 *
 * @param approvalId the approval that this request collects, when it is not known from the call itself
 */
export async function runTool(
  tool: Tool,
  args: Json,
  approvalId: string | undefined,
  passage: Passage,
): Promise<Answer> {
  const { gates, caller, waiter } = passage
  const deadline = performance.now() + gates.inlineWaitMs()
  let wanted = args
  for (let waitedFor = approvalId; ; ) {
    const inForce = gates.inForce()
    const request = readRequest(tool, wanted, caller, inForce)
    let ahead: Weighed | undefined
    const understanding = await tool.understand(
      request.args,
      request.connection.name,
      waiter.signal,
      spaceOf(caller),
      (likely) => {
        ahead = weighAhead(request, likely, inForce, passage)
      },
    )
    let open: Approval
    let judgedDigest: string
    try {
      const judged = judge(request, understanding, inForce, passage, { ahead })
      // Before anything is taken: a call that stops here must not use up its approval.
      checkStillValid(caller, new Date(gates.approvals.clock()))
      const clearance = await clear(clearRequestOf(judged, waitedFor, passage), gates.approvals)
      if (clearance.state === 'cleared') notice(clearance.approval, passage)
      if (clearance.state === 'cleared') return await runCleared(judged, clearance, passage)
      if (clearance.state === 'kept') return await answerKept(clearance, passage)
      open = clearance.approval
      judgedDigest = judged.digest
    } finally {
      await understanding.release()
    }
    const settled = await waitForPeople(open, deadline - performance.now(), passage)
    const answer = await answerIfOpen(settled, passage)
    if (answer !== undefined) return answer
    waitedFor = settled.id
    // A reviewer wrote another request in its place, and people approved that one: it is what runs, for this call.
    if (settled.digest !== judgedDigest) wanted = argumentsOf(settled)
  }
}

/** A failure is none yet: it comes again, and counts, when what was understood is decided. */
function weighAhead(...given: Parameters<typeof weigh>): Weighed | undefined {
  try {
    return weigh(...given)
  } catch {
    return undefined
  }
}

/** The arguments that were approved. They leave the record when somebody else has run them. */
export function argumentsOf({ args }: Approval): Json {
  if (args === undefined) throw new GateError('ERR_APPROVAL_TAKEN')
  return args
}

/** From here on the answer says that it is about what a reviewer wrote. */
function notice(approval: Approval | undefined, passage: Passage): void {
  if (approval?.modification !== undefined) passage.changed = approval
}

/** What an approval that cannot be taken answers: still waiting (the call is deferred) or executed already. */
export async function answerIfOpen(approval: Approval, passage: Passage): Promise<Answer | undefined> {
  notice(approval, passage)
  const answer = answerOf(handedOutNow(approval, passage), passage.gates.approvals.clock())
  if (answer === undefined) return undefined
  if (answer.state === 'kept') return answerKept(answer, passage)
  await passage.record.deferred(approval.id)
  return answerPending(passage, approval)
}

/**
 * A result that was kept goes to somebody who could ask for it now, not to who once could; and as it was masked, it
 * goes only while the settings it was masked under are in force.
 */
function handedOutNow(approval: Approval, { caller, gates }: Passage): Approval {
  if (approval.state !== 'executed') return approval
  const connection = findConnection(approval.connection, findTool(approval.tool, gates), caller, gates.inForce())
  return approval.connectionVersion === connection.version ? approval : { ...approval, output: undefined }
}

async function runCleared(
  judged: JudgedRequest,
  { call, hold }: Clearance & { state: 'cleared' },
  passage: Passage,
): Promise<Answer> {
  const { gates, masker, record, waiter } = passage
  const { signal } = waiter
  const progress = (message: string) => waiter.progress(message)
  const { output, withheld } = await execute({ judged, call, hold, masker, record, signal, progress }, gates)
  if (withheld !== undefined) return { ...answerStopped(passage, withheld, undefined), output }
  return answerOk(passage, output, { message: 'Executed.', approvalId: call.approvalId })
}

async function answerKept(kept: Clearance & { state: 'kept' }, passage: Passage): Promise<Answer> {
  const { approvalId, callId, executedAt, output } = kept
  await passage.record.finished(output ?? maskFacts(null, passage.masker), { status: 'answered', approvalId })
  const when = new Date(executedAt).toISOString()
  const result = output === undefined ? 'Its result is no longer kept.' : 'This is its result.'
  const message = `This ran already, as ${callId} at ${when}; it was not run again. ${result}`
  return answerOk(passage, output, { message, approvalId })
}

function clearRequestOf(judged: JudgedRequest, approvalId: string | undefined, passage: Passage): ClearRequest {
  const { request, understanding, decision, digest, constraints, shown } = judged
  const { call, caller, masker, waiter } = passage
  const { reason, idempotency_key: idempotencyKey } = request.args
  return {
    callId: call.id,
    caller,
    agent: call.agent,
    tool: request.tool.name,
    connection: request.connection.name,
    labels: request.connection.labels,
    connectionVersion: request.connection.version,
    args: request.rawArgs,
    effect: understanding.effect,
    decision,
    digest,
    constraints,
    idempotencyKey,
    approvalId,
    async describe() {
      const preview = await understanding.preview(waiter.signal)
      return {
        fields: shown.fields,
        reason: reason === undefined ? undefined : maskFreeText(reason, masker),
        preview: preview && maskPreview(preview, masker),
        masked: shown.masked,
      }
    },
  }
}
