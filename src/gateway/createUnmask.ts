import type { Approval } from '../approvals/approval.ts'
import type { Unmask } from '../approvals/revealRequest.ts'
import { GateError } from '../errors.ts'
import { maskRequest } from '../masking/maskText.ts'
import type { Gates } from '../pipeline/gates.ts'
import { weigh } from '../pipeline/judge.ts'
import { findTool } from '../pipeline/passage.ts'
import { readRequest } from '../pipeline/readRequest.ts'
import { spaceOf } from '../pipeline/spaceOf.ts'
import { callerOf } from './createRejudge.ts'

const LIMIT_MS = 20_000

/**
 * Tools that hide in a request what may be a value of a protected column, and nothing else. What the others hide are
 * secrets by name or shape: those stay hidden from everybody.
 */
const BY_LINEAGE: ReadonlySet<string> = new Set(['run_sql'])

/** Whether a reveal would show more. What detectors alone have hidden stays hidden, and the page then says so. */
export function isRevealable({ tool, shown }: Approval): boolean {
  return BY_LINEAGE.has(tool) && shown.fields.some(({ masked }) => masked)
}

/**
 * Reads a request that waits once more, as its tool understands it now, and hides in it only what detectors find and
 * what the gateway's own credentials are. Executes nothing.
 */
export function createUnmask(gates: Gates): Unmask {
  return async (approval) => {
    const { args, tool } = approval
    if (args === undefined) throw new GateError('ERR_VOTE_DECIDED')
    if (!isRevealable(approval)) throw new GateError('ERR_REVEAL_NOTHING')
    const inForce = gates.inForce()
    const caller = callerOf(approval)
    const masker = gates.maskerFor(undefined)
    const request = readRequest(findTool(tool, gates), args, caller, inForce)
    const signal = AbortSignal.timeout(LIMIT_MS)
    const understanding = await request.tool.understand(request.args, request.connection.name, signal, spaceOf(caller))
    try {
      const { digest } = weigh(request, understanding, inForce, { caller, masker, gates })
      const { fields } = maskRequest(
        understanding.request.map((field) => ({ ...field, hidden: [] })),
        masker,
      )
      return { digest, fields }
    } finally {
      await understanding.release()
    }
  }
}
