import type { ApprovalTerms } from '../call.ts'
import type { PolicySet, RuleApproval } from './policySet.ts'

/** What gates an operation: a rule with its terms, or the server itself (a consequence no rule names, a floor). */
export type Gate = RuleApproval | 'by-default'

/**
 * The strictest of everything that gates a call: every reviewer set, the shortest life, the fewest rows.
 *
 * A rule that names no reviewers asks for the default ones; where there are none, nobody can approve, whatever other
 * rules say. What the server gates by itself asks for the default reviewers too, but where there are none the
 * reviewers of the rules that gate the same call decide on it: they are shown it as part of the effect.
 */
export function mergeTerms(gates: readonly Gate[], { defaultReviewers }: PolicySet): ApprovalTerms {
  const reviewers = new Set<string>()
  let nobody = false
  let ttlMs: number | undefined
  let maxRows: number | undefined
  let preview: ApprovalTerms['preview'] = 'wanted'
  let reason: ApprovalTerms['reason'] = 'optional'
  const escalation = gates.map((gate) => (gate === 'by-default' ? 'default' : (gate.escalation ?? 'default')))
  for (const gate of gates) {
    const terms = gate === 'by-default' ? undefined : gate
    const asked = terms?.reviewers ?? defaultReviewers ?? []
    if (asked.length === 0 && terms !== undefined) nobody = true
    for (const set of asked) reviewers.add(set)
    ttlMs = smaller(ttlMs, terms?.ttlMs)
    maxRows = smaller(maxRows, terms?.maxRows)
    if (terms?.preview === 'required') preview = 'required'
    if (terms?.reason === 'required') reason = 'required'
  }
  return {
    reviewers: nobody ? [] : [...reviewers].sort(),
    ...{ ttlMs, preview, maxRows, reason },
    ...(escalation.some((one) => one !== 'default') && { escalation }),
  }
}

function smaller(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right
  return Math.min(left, right)
}
