import type { Decision, RuleEscalation } from '../call.ts'
import { GateError } from '../errors.ts'
import { newId } from '../newId.ts'
import { type Approval, approvalCallerOf, type Need, type ShownRequest } from './approval.ts'
import type { ClearRequest } from './clearance.ts'
import type { RequestTerms } from './openOrJoin.ts'
import type { ApprovalRules } from './settings.ts'

/** What the decision asks of an approval, with the sizes of the reviewer sets as configured now. */
export function termsOf(decision: Decision, rules: ApprovalRules): RequestTerms {
  const asked = decision.approval
  // A set that is not configured keeps its name: nobody belongs to it.
  const needOf = (set: string) => ({ set, atLeast: rules.sets.get(set)?.atLeast ?? 1 })
  const needs = (asked?.reviewers ?? []).map(needOf)
  return {
    needs,
    ttlMs: asked?.ttlMs ?? rules.ttlMs,
    previewRequired: asked?.preview === 'required',
    reasonRequired: asked?.reason === 'required',
    charges: decision.charges,
    escalation: escalationOf(asked?.escalation ?? ['default'], rules, needOf),
  }
}

/**
 * The strictest of what every rule says: not at all when one of them does not move its requests, else the longest wait,
 * and then every set that any of them names.
 */
function escalationOf(
  asked: readonly RuleEscalation[],
  { escalation: configured }: ApprovalRules,
  needOf: (set: string) => Need,
): RequestTerms['escalation'] {
  const each = asked.map((one) => (one === 'default' ? (configured ?? 'none') : one))
  const moves = each.filter((one) => one !== 'none')
  if (moves.length === 0 || moves.length < each.length) return undefined
  const sets = [...new Set(moves.map(({ to }) => to))].sort()
  return { afterMs: Math.max(...moves.map(({ afterMs }) => afterMs)), to: sets.map(needOf) }
}

/** Waiting for people who do not exist helps nobody: ERR_APPROVAL_NOBODY. */
export function refuseNobody({ needs }: RequestTerms, rules: ApprovalRules): void {
  const someone = needs.every(({ set }) => {
    const found = rules.sets.get(set)
    return found !== undefined && found.groupIds.length + found.people.length > 0
  })
  if (needs.length === 0 || !someone) throw new GateError('ERR_APPROVAL_NOBODY')
}

/** The record of a request just made. */
export function newApproval(
  request: ClearRequest,
  shown: ShownRequest,
  { needs, ttlMs, escalation }: RequestTerms,
  rules: ApprovalRules,
  now: number,
): Approval {
  const { callId, tool, connection, labels, connectionVersion, digest, args, decision, constraints } = request
  return {
    id: newId('apr', now),
    version: 1,
    state: 'pending',
    callId,
    caller: approvalCallerOf(request.caller),
    agent: { name: request.agent.name, version: request.agent.version },
    tool,
    connection,
    labels,
    connectionVersion,
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
    escalation: escalation && { at: now + escalation.afterMs, to: escalation.to },
  }
}
