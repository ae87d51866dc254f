import type { Decision, RuleEscalation } from '../call.ts'
import { GateError } from '../errors.ts'
import { type Approval, approvalCallerOf, type Need, type ShownRequest } from './approval.ts'
import type { ClearRequest } from './clearance.ts'
import type { RequestTerms } from './openOrJoin.ts'
import { pendingRecord } from './pendingRecord.ts'
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
  terms: RequestTerms,
  rules: ApprovalRules,
  now: number,
): Approval {
  const { callId, caller, agent, tool, connection, labels, connectionVersion, digest, args, constraints } = request
  return {
    ...pendingRecord(request.decision, terms, rules.claimWithinMs, now),
    ...{ callId, tool, connection, labels, connectionVersion, digest, args, constraints, shown },
    caller: approvalCallerOf(caller),
    agent: { name: agent.name, version: agent.version },
  }
}
