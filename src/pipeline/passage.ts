import type { Approval } from '../approvals/approval.ts'
import type { CallRecord } from '../audit/record.ts'
import type { Caller, Decision, ToolCall } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Tool } from '../tools/tool.ts'
import type { AnswerContext } from './answers.ts'
import type { Gates } from './gates.ts'

/** How a waiting call stays in touch with its client. */
export interface Waiter {
  /** Aborts when the client closes the stream: that ends the wait, never the request for approval. */
  readonly signal: AbortSignal
  progress(message: string): Promise<void>
}

/** One call on its way through, from the moment its caller is known. */
export interface Passage extends AnswerContext {
  readonly call: ToolCall
  readonly caller: Caller
  readonly record: CallRecord
  readonly gates: Gates
  readonly waiter: Waiter
  /** The latest decision, for the answer to a denial. */
  decision: Decision | undefined
  /** The request that people wrote in the place of the agent's, once it is known to answer this call. */
  changed: Approval | undefined
}

/** @throws GateError ERR_TOOL_UNKNOWN */
export function findTool(name: string, { tools }: Gates): Tool {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool === undefined) throw new GateError('ERR_TOOL_UNKNOWN')
  return tool
}
