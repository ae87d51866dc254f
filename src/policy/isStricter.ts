import type { ApprovalTerms, Decision } from '../call.ts'
import { isStricterAction } from './decide.ts'

/**
 * Policy now asks for more than it did when the approval was given, so the approval no longer speaks for the call.
 * The operations must be the same ones: the digest sees to that. True when in doubt.
 */
export function isStricter(before: Decision, now: Decision): boolean {
  if (now.action !== before.action) return isStricterAction(now.action, before.action)
  if (now.action !== 'require-approval') return false
  return before.approval === undefined || now.approval === undefined || asksForMore(before.approval, now.approval)
}

function asksForMore(before: ApprovalTerms, now: ApprovalTerms): boolean {
  const nobodyNow = now.reviewers.length === 0 && before.reviewers.length > 0
  return (
    nobodyNow ||
    now.reviewers.some((set) => !before.reviewers.includes(set)) ||
    isTighter(before.ttlMs, now.ttlMs) ||
    isTighter(before.maxRows, now.maxRows) ||
    (now.preview === 'required' && before.preview !== 'required') ||
    (now.reason === 'required' && before.reason !== 'required')
  )
}

/** Undefined is no limit of the policy's own. */
function isTighter(before: number | undefined, now: number | undefined): boolean {
  return now !== undefined && (before === undefined || now < before)
}
