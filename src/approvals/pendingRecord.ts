import type { Decision } from '../call.ts'
import { newId } from '../newId.ts'
import type { Approval } from './approval.ts'
import type { RequestTerms } from './openOrJoin.ts'

/** How the record of every request begins, whoever wrote it: decided, under these terms, and answered by nobody yet. */
export function pendingRecord(
  { verdicts, policyVersion }: Decision,
  { needs, ttlMs, escalation }: RequestTerms,
  claimWithinMs: number,
  now: number,
) {
  return {
    id: newId('apr', now),
    version: 1,
    state: 'pending',
    operations: verdicts.map((verdict) => verdict.operation),
    verdicts,
    policyVersion,
    needs,
    votes: [],
    createdAt: now,
    expiresAt: now + ttlMs,
    ttlMs,
    claimWithinMs,
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
  } satisfies Partial<Approval>
}
