import type { Approval } from '../approvals/approval.ts'
import type { Rejudge } from '../approvals/modify.ts'
import type { Caller } from '../call.ts'
import { maskPreview } from '../masking/mask.ts'
import type { Gates } from '../pipeline/gates.ts'
import { weigh } from '../pipeline/judge.ts'
import { findTool } from '../pipeline/passage.ts'
import { readRequest } from '../pipeline/readRequest.ts'
import { spaceOf } from '../pipeline/spaceOf.ts'

/** Understanding and preview together. A reviewer waits for it, and the agent's own session at the target is not involved. */
const LIMIT_MS = 20_000

/**
 * Judges a reviewer's change as a call of the agent: its arguments by the tool's schema, its operations by the policies
 * in force, for the caller as the request kept it. What runs later is judged once more, for the caller who collects it.
 */
export function createRejudge(gates: Gates): Rejudge {
  return async (approval, args) => {
    const inForce = gates.inForce()
    const caller = callerOf(approval)
    // Not the agent's masker: what a reviewer types is not held against the agent.
    const masker = gates.maskerFor(undefined)
    const request = readRequest(findTool(approval.tool, gates), args, caller, inForce)
    const signal = AbortSignal.timeout(LIMIT_MS)
    const understanding = await request.tool.understand(request.args, request.connection.name, signal, spaceOf(caller))
    try {
      const { decision, constraints, digest, shown } = weigh(request, understanding, inForce, { caller, masker, gates })
      const preview = decision.action === 'deny' ? undefined : await understanding.preview(signal)
      const { labels, version: connectionVersion } = request.connection
      return {
        ...{ args, digest, decision, constraints, labels, connectionVersion },
        shown: { ...shown, preview: preview && maskPreview(preview, masker) },
      }
    } finally {
      await understanding.release()
    }
  }
}

/** Without a token: it can be judged for, and nothing can run for it. */
export function callerOf({ caller, createdAt }: Approval): Caller {
  return { ...caller, roles: caller.roles ?? [], tokenId: undefined, expiresAt: new Date(createdAt) }
}
