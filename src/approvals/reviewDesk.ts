import type { MaskedText } from '../call.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import type { Approval, ApprovalState } from './approval.ts'
import { refuseRevokedPerson, type VotingBooth } from './castVote.ts'
import { membershipOf, type Reviewer } from './membership.ts'
import type { ModifyDesk } from './modifyRequest.ts'
import { expire } from './transitions.ts'

/** What every surface that shows requests to reviewers needs from outside. */
export interface ReviewDesk extends ModifyDesk {
  readonly maskText: (text: string) => MaskedText
  /** The configured name of a directory group, or the id itself. */
  readonly nameGroup?: (id: string) => string
  /** Puts a refused vote into the trail; awaited before the answer leaves. */
  readonly recordVoteRefused: (refused: RefusedVote) => Promise<void>
}

export interface RefusedVote {
  readonly approvalId: string
  readonly reviewer: Reviewer
  readonly verdict: Deed
  readonly code: ErrorCode
}

/** What a reviewer does to a request. */
export type Deed = 'approve' | 'deny' | 'modify' | 'reveal'

/** Something may still happen with these. */
export const OPEN_STATES: readonly ApprovalState[] = ['pending', 'approved', 'executing']
export const CLOSED_STATES: readonly ApprovalState[] = [
  ...(['denied', 'expired', 'withdrawn', 'modified', 'executed', 'failed', 'unknown'] as const),
]
/** Newest first. An answer says when there were more. */
const LIST_LIMIT = 1000

/** Requests that a reviewer may see. */
export interface ReviewList {
  readonly approvals: readonly Approval[]
  /** The store holds more than were looked at. */
  readonly truncated: boolean
}

/**
 * The requests in these states that name a set the person belongs to now, newest first. Throws ERR_REVOKED,
 * ERR_VOTE_MEMBERSHIP, and ERR_VOTE_NOT_REVIEWER for who is in no set at all.
 */
export async function listForReviewer(
  reviewer: Reviewer,
  states: readonly ApprovalState[],
  desk: VotingBooth,
): Promise<ReviewList> {
  const sets = await setsOf(reviewer, desk)
  const found = await desk.store.list(states, LIST_LIMIT)
  return {
    approvals: found.filter((approval) => concerns(approval, sets)).map((approval) => current(approval, desk)),
    truncated: found.length === LIST_LIMIT,
  }
}

/** One request. To somebody whom it does not concern it does not exist: ERR_VOTE_UNKNOWN. */
export async function showToReviewer(id: string, reviewer: Reviewer, desk: VotingBooth): Promise<Approval> {
  const sets = await setsOf(reviewer, desk)
  const approval = await desk.store.get(id)
  if (approval === undefined || !concerns(approval, sets)) throw new GateError('ERR_VOTE_UNKNOWN')
  return current(approval, desk)
}

/** Sets the person belongs to now. Who is in none gets nothing here, not even whether an id exists. */
export async function setsOf(reviewer: Reviewer, desk: VotingBooth): Promise<readonly string[]> {
  await refuseRevokedPerson(reviewer, desk.store)
  const rules = desk.rules()
  const membership = await membershipOf(reviewer, [...rules.sets.keys()], rules, desk.clock(), desk.lookUpGroups)
  if (!membership.known) throw new GateError('ERR_VOTE_MEMBERSHIP')
  if (membership.sets.length === 0) throw new GateError('ERR_VOTE_NOT_REVIEWER')
  return membership.sets
}

/** No refused vote goes unrecorded, whatever refused it. */
export async function voteRecorded<Result>(
  vote: { readonly approvalId: string; readonly reviewer: Reviewer; readonly verdict: Deed },
  desk: Pick<ReviewDesk, 'recordVoteRefused'>,
  cast: () => Promise<Result>,
): Promise<Result> {
  try {
    return await cast()
  } catch (error) {
    if (error instanceof GateError) await desk.recordVoteRefused({ ...vote, code: error.code })
    throw error
  }
}

/** Who was asked before an escalation sees what became of it. */
function concerns({ needs, escalated }: Approval, sets: readonly string[]): boolean {
  return [...needs, ...(escalated?.from ?? [])].some((need) => sets.includes(need.set))
}

/** As it is now, even when no sweep has closed it yet. */
function current(approval: Approval, desk: Pick<VotingBooth, 'clock'>): Approval {
  const result = expire(approval, desk.clock())
  return result.ok ? result.approval : approval
}
