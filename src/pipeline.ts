/**
 * The life of one call. Read this file first: every other module is one of its steps.
 *
 *   open record -> authenticate -> understand -> decide -> clear -> intent (durable) -> execute -> mask -> finish
 *                       \_________________ any stop: one record with the reason, a coded answer _______________/
 *
 * The middle of the sentence is pipeline/runTool.ts. Evidence types keep the order: see call.ts.
 */
import { type CallRecord, openRecord } from './audit/record.ts'
import type { Answer, Decision, ToolCall } from './call.ts'
import { GateError } from './errors.ts'
import { authenticate } from './identity/authenticate.ts'
import { maskFreeText } from './masking/maskText.ts'
import { answerGateTool } from './pipeline/answerGateTool.ts'
import { type AnswerContext, answerStopped } from './pipeline/answers.ts'
import type { Gates } from './pipeline/gates.ts'
import { findTool, type Passage, type Waiter } from './pipeline/passage.ts'
import { refuseRevoked } from './pipeline/refuseRevoked.ts'
import { runTool } from './pipeline/runTool.ts'

/** Runs one call to its answer. Never rejects: whatever happens is on record and becomes an answer. */
export async function handleCall(call: ToolCall, gates: Gates, waiter: Waiter): Promise<Answer> {
  const record = openRecord(withSafeName(call, gates), gates.record)
  let passage: Passage | undefined
  try {
    const caller = await authenticate(call.credential, gates.verifyToken)
    record.identified(caller)
    await refuseRevoked(caller, gates)
    const masker = gates.maskerFor(caller)
    passage = { callId: call.id, call, caller, record, gates, waiter, masker, decision: undefined, changed: undefined }

    const gateTool = gates.gateTools.find(({ name }) => name === call.tool)
    if (gateTool !== undefined) return await answerGateTool(gateTool, passage)
    return await runTool(findTool(call.tool, gates), call.args, undefined, passage)
  } catch (error) {
    const context = passage ?? { callId: call.id, masker: gates.maskerFor(undefined) }
    return await stop(error, context, passage?.decision, record, gates)
  }
}

/** The name of a tool that does not exist is any text of the caller's: it goes on record as such texts do. */
function withSafeName(call: ToolCall, { tools, gateTools, maskerFor }: Gates): ToolCall {
  const isKnown = [...tools, ...gateTools].some(({ name }) => name === call.tool)
  return isKnown ? call : { ...call, tool: maskFreeText(call.tool, maskerFor(undefined)) }
}

/** Stops that are an answer of policy or of people, not a mistake in the call. */
const DENIALS = new Set([
  'ERR_POLICY_DENIED',
  'ERR_POLICY_RATE',
  'ERR_APPROVAL_DENIED',
  'ERR_APPROVAL_EXPIRED',
  'ERR_APPROVAL_NOBODY',
])

/** Ends the record of a call that was stopped, and tells the agent. */
async function stop(
  error: unknown,
  context: AnswerContext,
  decision: Decision | undefined,
  record: CallRecord,
  gates: Gates,
): Promise<Answer> {
  if (!(error instanceof GateError)) gates.onBug(context.callId, error)
  const answer = answerStopped(context, error, decision)
  if (record.hasEnded()) return answer
  try {
    if (error instanceof GateError && DENIALS.has(error.code)) {
      await record.denied({ code: error.code, message: answer.message, approvalId: answer.approvalId })
    } else {
      await record.refused(error, { message: answer.message })
    }
  } catch (unrecorded) {
    gates.onBug(context.callId, unrecorded)
  }
  return answer
}
