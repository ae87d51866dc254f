import * as z from 'zod'
import type { GateTool } from './gateTool.ts'

const approvalId = z.string().min(1).max(64).describe('The approval_id that a pending_approval answer gave.')

export const approvalInput = z.strictObject({ approval_id: approvalId })

export const explainInput = z.strictObject({
  tool: z.string().min(1).max(64).describe('The tool that would be called, for example run_sql.'),
  arguments: z.record(z.string(), z.json()).describe('The arguments it would be called with.'),
})

const LOOKS = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false } as const

/** Every tool about the gate itself, in the order they are listed. */
export const GATE_TOOLS: readonly GateTool[] = [
  {
    name: 'await_approval',
    title: 'Wait for an approval',
    description:
      'Waits for the decision on a call that answered pending_approval. When it is approved the call runs now, once, and this returns its result. Call it again while the status is pending_approval.',
    // It may run the approved call, so it is not read-only.
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    input: approvalInput,
  },
  {
    name: 'withdraw_approval',
    title: 'Withdraw a request for approval',
    description: 'Takes back a call that waits for approval and is no longer wanted. It will not run.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: approvalInput,
  },
  {
    name: 'list_connections',
    title: 'List connections',
    description: 'Lists the connections you may use, what you may do on each, and what needs a person to approve it.',
    annotations: LOOKS,
    input: z.strictObject({}),
  },
  {
    name: 'explain_call',
    title: 'Explain a call',
    description:
      'Says how a call would be decided (allow, require-approval or deny) and by which rule, without running it and without asking anybody.',
    annotations: LOOKS,
    input: explainInput,
  },
]
