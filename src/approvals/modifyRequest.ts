import type { Decision, Json, MaskedText } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Approval, VoteSurface } from './approval.ts'
import { admitReviewer, refuseRevokedPerson, type VotingBooth } from './castVote.ts'
import { changedArguments } from './editableFields.ts'
import type { Reviewer } from './membership.ts'
import { mayModify, modifiedApproval, modify, type Rejudge } from './modify.ts'
import { refuseNobody, termsOf } from './newApproval.ts'
import { isComplete, type RequestTerms } from './openOrJoin.ts'
import { recordEvents } from './recordEvents.ts'
import type { ApprovalRules } from './settings.ts'

export interface ModifyRequest {
  readonly approvalId: string
  readonly reviewer: Reviewer
  readonly via: VoteSurface
  /** The digest of the request that the person was shown. */
  readonly digest: string
  /** Arguments by name, with their new values. Others stay. */
  readonly set: Readonly<Record<string, Json>>
  /** Why; told to the next reviewer and to the agent. */
  readonly note: MaskedText | undefined
}

/** What changing a request needs from outside. */
export interface ModifyDesk extends VotingBooth {
  readonly rejudge: Rejudge
}

/**
 * Puts a request that a reviewer wrote in the place of one that waits. It is judged as a call of the same agent, and
 * approved by others than its author, also where policy would let the agent make the changed call by itself. When this
 * throws, the old request waits as before.
 */
export async function modifyRequest(request: ModifyRequest, desk: ModifyDesk): Promise<Approval> {
  const { approvalId, reviewer, via, digest, set, note } = request
  const { store, clock } = desk
  const rules = desk.rules()
  const { approval: parent, admission } = await admitReviewer(approvalId, reviewer, desk)
  // Before anything is asked of the target in the agent's name.
  const refusal = mayModify(parent, admission, digest, clock())
  if (refusal !== undefined) throw new GateError(refusal.code, refusal)
  const judged = await desk.rejudge(parent, changedArguments(parent, set))
  const terms = changedTerms(parent, judged.decision, rules)
  refuseNobody(terms, rules)
  if (terms.previewRequired && !isComplete(judged.shown.preview)) throw new GateError('ERR_PREVIEW_REQUIRED')
  if (terms.reasonRequired && parent.shown.reason === undefined) throw new GateError('ERR_REASON_REQUIRED')

  // Judging took a while.
  await refuseRevokedPerson(reviewer, store)
  const { person, subject, name } = reviewer
  const writing = { author: { person, subject, name }, via, note }
  const child = modifiedApproval(parent, judged, writing, terms, rules.claimWithinMs, clock())
  const result = await store.modify(
    parent.id,
    child,
    (current, precedents) => modify(current, { child, admission, digest }, precedents, clock()),
    clock(),
  )
  if (result === undefined) throw new GateError('ERR_VOTE_UNKNOWN')
  if (!result.ok) throw new GateError(result.code, result)
  await recordEvents(store, desk.recordEvent)
  return result.child
}

/** Who decides about the change. What policy allows the agent alone is still asked of those who were asked before. */
function changedTerms(parent: Approval, decision: Decision, rules: ApprovalRules): RequestTerms {
  switch (decision.action) {
    case 'require-approval':
      return termsOf(decision, rules)
    case 'allow':
      return { needs: parent.needs, ttlMs: parent.ttlMs, previewRequired: false, reasonRequired: false }
    case 'deny':
      throw new GateError('ERR_MODIFY_DENIED', { detail: denialsOf(decision) })
  }
}

/** For reviewers: which operation, and by what. */
function denialsOf({ verdicts }: Decision): string {
  const denied = verdicts.filter(({ action }) => action === 'deny')
  return denied
    .map(({ operation, policy, rule, reason, message }) => {
      const by = policy === undefined ? reason : `rule ${rule ?? '?'} of policy ${policy}`
      return `${operation.operation}: ${message ?? operation.because ?? by}.`
    })
    .join(' ')
}
