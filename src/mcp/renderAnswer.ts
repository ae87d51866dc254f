import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Answer, AnswerStatus } from '../call.ts'

/** Statuses that tell the model the call did not do what was asked. Pending is not one: nothing went wrong. */
const IS_ERROR: Readonly<Record<AnswerStatus, boolean>> = {
  ok: false,
  pending_approval: false,
  denied: true,
  expired: true,
  withdrawn: true,
  failed: true,
  unknown: true,
}

/** One masked answer as `structuredContent` and as text: clients show their model only one or the other. */
export function renderAnswer(answer: Answer): CallToolResult {
  const envelope = envelopeOf(answer)
  return {
    content: [{ type: 'text', text: JSON.stringify(envelope) }],
    structuredContent: envelope,
    ...(IS_ERROR[answer.status] && { isError: true }),
  }
}

/**
 * The same as the JSON text of a `tools/call` result, written once: what is the text is also the structure.
 *
 * @param more further members of the result, as JSON, with a comma in front
 */
export function renderAnswerText(answer: Answer, more = ''): string {
  const envelope = JSON.stringify(envelopeOf(answer))
  const content = `[{"type":"text","text":${JSON.stringify(envelope)}}]`
  const isError = IS_ERROR[answer.status] ? ',"isError":true' : ''
  return `{"content":${content},"structuredContent":${envelope}${isError}${more}}`
}

function envelopeOf(answer: Answer): Record<string, unknown> {
  return {
    status: answer.status,
    call_id: answer.callId,
    ...(answer.approvalId !== undefined && { approval_id: answer.approvalId }),
    ...(answer.code !== undefined && { code: answer.code }),
    message: answer.message,
    next_step: answer.nextStep,
    ...(answer.details !== undefined && { details: answer.details }),
    ...(answer.output !== undefined && { result: answer.output.result, masked: answer.output.masked }),
  }
}
