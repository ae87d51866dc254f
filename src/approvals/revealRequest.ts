import type { MaskedText } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Approval, ShownField } from './approval.ts'
import { admitReviewer, type VotingBooth } from './castVote.ts'
import type { Reviewer } from './membership.ts'
import type { ApprovalRules } from './settings.ts'
import type { Refusal } from './transitions.ts'
import { type Admission, refuseClosed, refuseVoter } from './vote.ts'

/**
 * The fields of a request with what the agent wrote beside protected columns, read anew from the stored arguments. What
 * detectors find, and credentials of the gateway, stay hidden. `digest` is of what was read. Throws what the tool refuses.
 */
export type Unmask = (
  approval: Approval,
) => Promise<{ readonly digest: string; readonly fields: readonly ShownField[] }>

/** What a recorded reveal needs from outside. */
export interface RevealDesk extends VotingBooth {
  readonly unmask: Unmask
  /** Whether `unmask` would show more of it than everybody sees. */
  readonly isRevealable: (approval: Approval) => boolean
  /** Seconds to wait, 0 to go on. Counts this attempt. */
  readonly limitReveals: (person: string) => number
  /** Durable in the trail when it resolves. */
  readonly recordRevealed: (revealed: Revealed) => Promise<void>
}

interface Revealed {
  readonly approval: Approval
  readonly reviewer: Reviewer
  readonly reason: MaskedText | undefined
}

export interface RevealRequest {
  readonly approvalId: string
  readonly reviewer: Reviewer
  /** The digest of the request that the person was shown. */
  readonly digest: string
  /** Why, in the person's words; for the trail alone. */
  readonly reason: MaskedText | undefined
}

/**
 * What is hidden in a request that waits, for one person, once. It is on record before this resolves; when the record
 * cannot be written, nothing is shown. Nothing of it is stored. Every refusal is a GateError.
 */
export async function revealRequest(
  { approvalId, reviewer, digest, reason }: RevealRequest,
  desk: RevealDesk,
): Promise<{ readonly approval: Approval; readonly fields: readonly ShownField[] }> {
  const check = async () => {
    const { approval, admission } = await admitReviewer(approvalId, reviewer, desk)
    const refusal = refuseReveal(approval, admission, desk.rules(), desk.clock())
    if (refusal !== undefined) throw new GateError(refusal.code, refusal)
    if (approval.digest !== digest) throw new GateError('ERR_VOTE_DIGEST')
    if (!desk.isRevealable(approval)) throw new GateError('ERR_REVEAL_NOTHING')
    return approval
  }
  const found = await check()
  const wait = desk.limitReveals(reviewer.person)
  if (wait > 0) throw new GateError('ERR_RATE_LIMIT', { facts: { retry_after_seconds: wait } })
  const unmasked = await desk.unmask(found)
  if (unmasked.digest !== digest) throw new GateError('ERR_REVEAL_CHANGED')
  // Reading it took a while: somebody may have decided, or been stopped.
  const approval = await check()
  await desk.recordRevealed({ approval, reviewer, reason })
  return { approval, fields: unmasked.fields }
}

/** Whether the page offers it to this person now. Whatever is in the way is an answer, too. */
export async function mayReveal(
  approval: Approval,
  reviewer: Reviewer,
  desk: Pick<RevealDesk, 'isRevealable' | keyof VotingBooth>,
): Promise<boolean> {
  if (approval.state !== 'pending' || !desk.isRevealable(approval)) return false
  try {
    const { admission } = await admitReviewer(approval.id, reviewer, desk)
    return refuseReveal(approval, admission, desk.rules(), desk.clock()) === undefined
  } catch (error) {
    if (error instanceof GateError) return false
    throw error
  }
}

/** Who may decide about it, and is in a set that is asked now and may see what is hidden. */
function refuseReveal(
  approval: Approval,
  admission: Admission,
  { sets }: ApprovalRules,
  now: number,
): Refusal | undefined {
  const refusal = refuseVoter(approval, admission)
  if (refusal !== undefined) return refusal
  const may = approval.needs.some(({ set }) => admission.memberOf.includes(set) && sets.get(set)?.mayReveal === true)
  return may ? refuseClosed(approval, now) : { ok: false, code: 'ERR_REVEAL_NOT_ALLOWED' }
}
