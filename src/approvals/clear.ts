import type { AgentInfo, Caller, ClearedCall, Constraints, Decision, Json, MaskedOutput } from '../call.ts'
import { GateError } from '../errors.ts'
import { type Approval, approvalCallerOf, decidingVote, type Lease, type ShownRequest } from './approval.ts'
import { newApprovalId } from './approvalId.ts'
import type { Hold } from './hold.ts'
import { isStricter, type RequestTerms, stillAnswers } from './openOrJoin.ts'
import type { ApprovalStore, EventOutbox, IdempotencyStore, RevocationStore } from './ports.ts'
import { type RecordEvent, recordEvents } from './recordEvents.ts'
import { revocationKeysOf, revocationKeysOfPerson } from './revocationKeys.ts'
import type { ApprovalRules } from './settings.ts'
import { expire, isOverdue, take, withdraw } from './transitions.ts'

/** A call that was understood and decided in this request, by a caller who was verified in this request. */
export interface ClearRequest {
  readonly callId: string
  readonly caller: Caller
  readonly agent: AgentInfo
  readonly tool: string
  readonly connection: string
  readonly labels: Readonly<Record<string, string>>
  readonly args: Json
  readonly effect: 'read' | 'write'
  readonly decision: Decision
  readonly digest: string
  readonly constraints: Constraints
  readonly idempotencyKey: string | undefined
  /** The approval this request waited for or collects. Without it an identical one is joined, or a new one opened. */
  readonly approvalId: string | undefined
  /** What reviewers will read. Called only when a new request is made: previews cost. */
  describe(): Promise<ShownRequest>
}

/** What clearing needs from outside. */
export interface ApprovalGate {
  readonly store: ApprovalStore & IdempotencyStore & RevocationStore & EventOutbox
  readonly rules: () => ApprovalRules
  /** The lease of this run. */
  readonly lease: () => Lease
  readonly recordEvent: RecordEvent
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

export type Clearance =
  /** May run, once, now. `hold` is checked after the intent is durable, and settled at the end. */
  | {
      readonly state: 'cleared'
      readonly call: ClearedCall
      readonly hold: Hold
      readonly approval: Approval | undefined
    }
  /** People are asked. Let go of the target, wait, then understand, decide and clear again with this approval's id. */
  | { readonly state: 'pending'; readonly approval: Approval }
  /** Another request of this caller runs it. Wait, then clear again with this approval's id. */
  | { readonly state: 'executing'; readonly approval: Approval }
  /** It has run. The result is what was kept; undefined when it is no longer kept or was lost in a crash. */
  | {
      readonly state: 'kept'
      readonly callId: string
      readonly approvalId: string | undefined
      readonly executedAt: number
      readonly output: MaskedOutput | undefined
    }

/**
 * Lets a call through when policy allows it, or when people approved exactly this call and it was not used yet. Never
 * waits. Every stop is a GateError with its own code; the store failing is one of them.
 */
export async function clear(request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const keys = revocationKeysOf(request.caller)
  if ((await gate.store.findRevoked(keys)) !== undefined) throw new GateError('ERR_REVOKED')
  switch (request.decision.action) {
    case 'deny':
      throw new GateError('ERR_POLICY_DENIED', { detail: denialOf(request.decision) })
    case 'allow':
      // Policy was loosened while an approval was open: the handle still clears one call, once.
      if (request.approvalId !== undefined) return clearApproved(request, gate)
      return clearAllowed(request, gate)
    case 'require-approval':
      return clearApproved(request, gate)
  }
}

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

async function clearAllowed(request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const { callId, caller, digest, connection, constraints, idempotencyKey: key } = request
  const lease = gate.lease()
  const keys = revocationKeysOf(caller)
  const call = clearedCall(callId, undefined, constraints)
  if (request.effect === 'read' || key === undefined) {
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

async function clearApproved(request: ClearRequest, gate: ApprovalGate): Promise<Clearance> {
  const approval =
    request.approvalId === undefined
      ? await joinOrOpen(request, gate)
      : await readOwnApproval(gate.store, request.approvalId, request.caller.key)
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
  if (latest !== undefined && stillAnswers(latest, terms, gate.clock())) return latest
  refuseNobody(terms, rules)
  const shown = await request.describe()
  if (terms.reasonRequired && shown.reason === undefined) throw new GateError('ERR_REASON_REQUIRED')
  if (terms.previewRequired && shown.preview === undefined) throw new GateError('ERR_PREVIEW_REQUIRED')
  const now = gate.clock()
  const result = await store.openOrJoin(newApproval(request, shown, terms, rules, now), terms, rules, now)
  if (!result.ok) throw new GateError(result.code)
  await recordEvents(store, gate.recordEvent)
  return result.approval
}

/** What the decision asks of an approval, with the sizes of the reviewer sets as configured now. */
function termsOf(decision: Decision, rules: ApprovalRules): RequestTerms {
  const asked = decision.approval
  // A set that is not configured keeps its name: nobody belongs to it.
  const needs = (asked?.reviewers ?? []).map((set) => ({ set, atLeast: rules.sets.get(set)?.atLeast ?? 1 }))
  return {
    needs,
    ttlMs: asked?.ttlMs ?? rules.ttlMs,
    previewRequired: asked?.preview === 'required',
    reasonRequired: asked?.reason === 'required',
  }
}

/** Waiting for people who do not exist helps nobody. */
function refuseNobody({ needs }: RequestTerms, rules: ApprovalRules): void {
  const someone = needs.every(({ set }) => {
    const found = rules.sets.get(set)
    return found !== undefined && found.groupIds.length + found.people.length > 0
  })
  if (needs.length === 0 || !someone) throw new GateError('ERR_APPROVAL_NOBODY')
}

function newApproval(
  request: ClearRequest,
  shown: ShownRequest,
  { needs, ttlMs }: RequestTerms,
  rules: ApprovalRules,
  now: number,
): Approval {
  const { callId, tool, connection, labels, digest, args, decision, constraints } = request
  return {
    id: newApprovalId(now),
    version: 1,
    state: 'pending',
    callId,
    caller: approvalCallerOf(request.caller),
    agent: { name: request.agent.name, version: request.agent.version },
    tool,
    connection,
    labels,
    digest,
    args,
    operations: decision.verdicts.map((verdict) => verdict.operation),
    verdicts: decision.verdicts,
    policyVersion: decision.policyVersion,
    constraints,
    shown,
    needs,
    votes: [],
    createdAt: now,
    expiresAt: now + ttlMs,
    ttlMs,
    claimWithinMs: rules.claimWithinMs,
    claimBy: undefined,
    withdrawnBy: undefined,
    lease: undefined,
    takenBy: undefined,
    takenAt: undefined,
    outcomeRef: undefined,
    settledAt: undefined,
    output: undefined,
    failure: undefined,
    afterUnknown: undefined,
  }
}

async function revokedVoters(approval: Approval, store: RevocationStore): Promise<readonly string[]> {
  const revoked: string[] = []
  for (const { person, subject } of approval.votes) {
    if ((await store.findRevoked(revocationKeysOfPerson(person, subject))) !== undefined) revoked.push(person)
  }
  return revoked
}

function denialOf(decision: Decision): string {
  const denied = decision.verdicts.filter((verdict) => verdict.action === 'deny')
  return denied
    .map(({ operation, message, reason, policy, rule }) => {
      const where = policy === undefined ? '' : ` (policy ${policy}${rule === undefined ? '' : `, rule ${rule}`})`
      return `${operation.operation}: ${message ?? operation.because ?? reason}${where}.`
    })
    .join(' ')
}

// The one place where a ClearedCall is made.
function clearedCall(callId: string, approvalId: string | undefined, constraints: Constraints): ClearedCall {
  return { callId, approvalId, constraints } as ClearedCall
}
