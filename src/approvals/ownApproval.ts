import { GateError } from '../errors.ts'
import { type Approval, decidingVote } from './approval.ts'
import type { ApprovalGate, Clearance } from './clearance.ts'
import type { ApprovalStore } from './ports.ts'
import { recordEvents } from './recordEvents.ts'
import { isOverdue, withdraw } from './transitions.ts'

/**
 * The caller's own approval. Unknown and foreign ids get the same answer, so that ids cannot be probed:
 * ERR_APPROVAL_UNKNOWN.
 */
export async function readOwnApproval(store: ApprovalStore, id: string, callerKey: string): Promise<Approval> {
  const approval = await store.get(id)
  if (approval === undefined || approval.caller.key !== callerKey) throw new GateError('ERR_APPROVAL_UNKNOWN')
  return approval
}

/** Takes back a request that nobody needs any more. What runs or has run cannot be taken back: ERR_APPROVAL_TAKEN. */
export async function withdrawApproval(id: string, callerKey: string, gate: ApprovalGate): Promise<Approval> {
  await readOwnApproval(gate.store, id, callerKey)
  const result = await gate.store.change(id, (approval) => withdraw(approval, 'caller', gate.clock()))
  if (result === undefined) throw new GateError('ERR_APPROVAL_UNKNOWN')
  if (!result.ok) throw new GateError(result.code, result)
  await recordEvents(gate.store, gate.recordEvent)
  return result.approval
}

/**
 * What an approval answers to its caller by itself: still open, or finished. `undefined` when it is approved and the
 * call has to be understood, decided and cleared again before it runs. Throws for denied, expired, withdrawn, failed
 * and unknown.
 */
export function answerOf(approval: Approval, now: number): Exclude<Clearance, { state: 'cleared' }> | undefined {
  const facts = { approval_id: approval.id }
  switch (approval.state) {
    case 'pending':
    case 'approved':
      if (isOverdue(approval, now)) throw new GateError('ERR_APPROVAL_EXPIRED', { facts })
      return approval.state === 'pending' ? { state: 'pending', approval } : undefined
    case 'executing':
      return { state: 'executing', approval }
    case 'executed': {
      const { takenBy, callId, id, settledAt, output } = approval
      return { state: 'kept', callId: takenBy ?? callId, approvalId: id, executedAt: settledAt ?? now, output }
    }
    case 'denied': {
      const reason = decidingVote(approval)?.reason
      throw new GateError('ERR_APPROVAL_DENIED', {
        facts,
        ...(reason && { detail: `The reviewer's reason: ${reason}` }),
      })
    }
    case 'expired':
      throw new GateError('ERR_APPROVAL_EXPIRED', { facts })
    case 'withdrawn':
      throw new GateError(approval.withdrawnBy === 'policy' ? 'ERR_APPROVAL_POLICY' : 'ERR_APPROVAL_WITHDRAWN', {
        facts,
      })
    case 'failed': {
      const { code, detail } = approval.failure ?? { code: 'ERR_INTERNAL', detail: undefined }
      throw new GateError('ERR_APPROVAL_FAILED', { facts: { ...facts, code }, detail: detail ?? code })
    }
    case 'unknown':
      throw new GateError('ERR_OUTCOME_UNKNOWN', { facts })
  }
}
