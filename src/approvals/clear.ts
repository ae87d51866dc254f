import type { ClearedCall, Constraints } from '../call.ts'
import { GateError } from '../errors.ts'
import { rateStop } from './answerCharge.ts'
import type { Approval } from './approval.ts'
import type { ApprovalGate, Clearance, ClearRequest } from './clearance.ts'
import type { Hold } from './hold.ts'
import { newApproval, refuseNobody, termsOf } from './newApproval.ts'
import { isComplete, isStricter, stillAnswers, termsFor } from './openOrJoin.ts'
import { answerOf, followReplacements, readOwnApproval } from './ownApproval.ts'
import type { RevocationKey, RevocationStore } from './ports.ts'
import { recordEvents } from './recordEvents.ts'
import { revocationKeysOf, revocationKeysOfPerson } from './revocationKeys.ts'
import { expire, isOverdue, take, withdraw } from './transitions.ts'

/**
 * Lets a call through when policy allows it, or when people approved exactly this call and it was not used yet. Never
 * waits. Every stop is a GateError with its own code; the store failing is one of them.
 */
export async function clear(request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const keys = revocationKeysOf(request.caller)
  if ((await gate.store.findRevoked(keys)) !== undefined) throw new GateError('ERR_REVOKED')
  switch (request.decision.action) {
    case 'deny':
      throw new GateError('ERR_POLICY_DENIED')
    case 'allow':
      // Policy was loosened while an approval was open: the handle still clears one call, once.
      if (request.approvalId !== undefined) return clearApproved(request, gate)
      return clearAllowed(request, keys, gate)
    case 'require-approval':
      return clearApproved(request, gate)
  }
}

async function clearAllowed(
  request: ClearRequest,
  keys: readonly RevocationKey[],
  gate: ApprovalGate,
): Promise<Clearance> {
  const { callId, caller, digest, connection, constraints, idempotencyKey: key } = request
  const lease = gate.lease()
  const call = clearedCall(callId, undefined, constraints)
  if (request.effect === 'read' || key === undefined) {
    await charge(request, gate)
    return { state: 'cleared', call, hold: { kind: 'call', keys, lease }, approval: undefined }
  }
  const now = gate.clock()
  const nothingYet = { outcomeRef: undefined, output: undefined, settledAt: undefined }
  const { begun, write } = await gate.store.beginWrite(
    {
      callerKey: caller.key,
      key,
      digest,
      callId,
      connection,
      state: 'executing',
      lease,
      startedAt: now,
      ...nothingYet,
    },
    now,
  )
  if (begun) {
    await charge(request, gate).catch(async (error: unknown) => {
      // The key stays free for a later try: nothing has run under it.
      await gate.store.changeWrite(caller.key, key, lease, { state: 'failed', settledAt: gate.clock() })
      throw error
    })
    return {
      state: 'cleared',
      call,
      hold: { kind: 'write', callerKey: caller.key, key, keys, lease },
      approval: undefined,
    }
  }
  if (write.digest !== digest) throw new GateError('ERR_IDEMPOTENCY_CONFLICT')
  switch (write.state) {
    case 'executing':
      throw new GateError('ERR_IDEMPOTENCY_RUNNING', { facts: { call_id: write.callId } })
    case 'executed': {
      const { output, settledAt } = write
      return { state: 'kept', callId: write.callId, approvalId: undefined, executedAt: settledAt ?? now, output }
    }
    case 'failed':
    case 'unknown':
      throw new GateError('ERR_OUTCOME_UNKNOWN', { facts: { call_id: write.callId } })
  }
}

/** The uses that an allowed call takes are counted last: what is answered from before, or refused, has taken none. */
async function charge({ caller, decision }: ClearRequest, gate: ApprovalGate): Promise<void> {
  if (decision.charges.length === 0) return
  const now = gate.clock()
  const charged = await gate.store.chargeUses(caller.key, decision.charges, now)
  if (!charged.ok) throw rateStop(charged, now)
}

async function clearApproved(request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const approval =
    request.approvalId === undefined
      ? await joinOrOpen(request, gate)
      : await readOwnApproval(gate.store, request.approvalId, request.caller.key)
  // What runs then is something else than this request asks for: it goes round with those arguments.
  const last = await followReplacements(approval, gate.store)
  const isOther = request.approvalId === undefined ? last.digest !== request.digest : last.id !== request.approvalId
  if (isOther) return { state: 'replaced', approval: last }
  if (isOverdue(approval, gate.clock())) await closeOverdue(approval, gate)
  const answer = answerOf(approval, gate.clock())
  if (answer !== undefined) return answer
  return takeApproval(approval, request, gate)
}

async function closeOverdue(approval: Approval, gate: ApprovalGate): Promise<void> {
  await gate.store.change(approval.id, (current) => expire(current, gate.clock()))
  await recordEvents(gate.store, gate.recordEvent)
}

async function takeApproval(approval: Approval, request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const { store } = gate
  const { decision, caller, callId, digest, constraints } = request
  if (decision.action === 'require-approval' && isStricter(approval, termsOf(decision, gate.rules()))) {
    await store.change(approval.id, (current) => withdraw(current, 'policy', gate.clock()))
    await recordEvents(store, gate.recordEvent)
    throw new GateError('ERR_APPROVAL_POLICY', { facts: { approval_id: approval.id } })
  }
  // The decision is in the trail before anything that rests on it.
  await recordEvents(store, gate.recordEvent)
  const lease = gate.lease()
  const revokedPeople = await revokedVoters(approval, store)
  const taken = { callerKey: caller.key, digest, lease, callId, revokedPeople }
  const result = await store.change(approval.id, (current) => take(current, taken, gate.clock()))
  if (result === undefined) throw new GateError('ERR_APPROVAL_UNKNOWN')
  if (result.ok) {
    const hold: Hold = { kind: 'approval', id: approval.id, lease, keys: revocationKeysOf(caller) }
    const call = clearedCall(callId, approval.id, constraints)
    return { state: 'cleared', call, hold, approval: result.approval }
  }
  // Lost to another request of the same caller: that one's record answers.
  const winner = result.code === 'ERR_APPROVAL_TAKEN' ? await store.get(approval.id) : undefined
  const answer = winner && answerOf(winner, gate.clock())
  if (answer !== undefined) return answer
  throw new GateError(result.code, { facts: { approval_id: approval.id } })
}

async function joinOrOpen(request: ClearRequest, gate: ApprovalGate): Promise<Approval> {
  const { store } = gate
  const rules = gate.rules()
  const terms = termsOf(request.decision, rules)
  const latest = await store.latest(request.caller.key, request.digest)
  if (latest !== undefined && stillAnswers(latest, termsFor(latest, request.digest, terms), gate.clock())) return latest
  refuseNobody(terms, rules)
  const shown = await request.describe()
  if (terms.reasonRequired && (shown.reason ?? '').trim() === '') throw new GateError('ERR_REASON_REQUIRED')
  if (terms.previewRequired && !isComplete(shown.preview)) throw new GateError('ERR_PREVIEW_REQUIRED')
  const now = gate.clock()
  const result = await store.openOrJoin(newApproval(request, shown, terms, rules, now), terms, rules, now)
  if (!result.ok) {
    throw result.code === 'ERR_POLICY_RATE' ? rateStop(result.charged, now) : new GateError(result.code)
  }
  await recordEvents(store, gate.recordEvent)
  return result.approval
}

async function revokedVoters(approval: Approval, store: RevocationStore): Promise<readonly string[]> {
  const revoked: string[] = []
  for (const { person, subject } of approval.votes) {
    if ((await store.findRevoked(revocationKeysOfPerson(person, subject))) !== undefined) revoked.push(person)
  }
  return revoked
}

// The one place where a ClearedCall is made.
function clearedCall(callId: string, approvalId: string | undefined, constraints: Constraints): ClearedCall {
  return { callId, approvalId, constraints } as ClearedCall
}
