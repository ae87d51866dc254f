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

/** What took an approval's place, and so on to the last: the one that can be decided. */
export async function followReplacements(approval: Approval, store: Pick<ApprovalStore, 'get'>): Promise<Approval> {
  let last = approval
  while (last.replacement !== undefined) {
    const next = await store.get(last.replacement.id)
    if (next === undefined) throw new GateError('ERR_APPROVAL_UNKNOWN')
    last = next
  }
  return last
}

/** Takes back a request that nobody needs any more, or what a reviewer wrote in its place. What runs or has run cannot be taken back: ERR_APPROVAL_TAKEN. */
export async function withdrawApproval(id: string, callerKey: string, gate: ApprovalGate): Promise<Approval> {
  const own = await readOwnApproval(gate.store, id, callerKey)
  const last = await followReplacements(own, gate.store)
  const result = await gate.store.change(last.id, (approval) => withdraw(approval, 'caller', gate.clock()))
  // A reviewer changed it at this very moment: what took its place is not wanted either.
  if (result?.ok === false && result.code === 'ERR_APPROVAL_MODIFIED') return withdrawApproval(id, callerKey, gate)
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
    case 'modified':
      throw new GateError('ERR_APPROVAL_MODIFIED', { facts })
    case 'failed': {
      const { code, detail } = approval.failure ?? { code: 'ERR_INTERNAL', detail: undefined }
      throw new GateError('ERR_APPROVAL_FAILED', { facts: { ...facts, code }, detail: detail ?? code })
    }
    case 'unknown':
      throw new GateError('ERR_OUTCOME_UNKNOWN', { facts })
  }
}
