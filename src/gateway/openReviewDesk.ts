import type { ApprovalGate } from '../approvals/clearance.ts'
import type { LookUpGroups } from '../approvals/membership.ts'
import type { Rejudge } from '../approvals/modify.ts'
import type { RevealDesk } from '../approvals/revealRequest.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import type { Trail } from '../audit/trail.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'
import { isRevealable } from './createUnmask.ts'

export interface ReviewDeskParts {
  readonly approvals: ApprovalGate
  readonly trail: Trail
  readonly lookUpGroups: LookUpGroups
  readonly masker: Masker
  readonly rejudge: Rejudge
  readonly nameGroup: (id: string) => string
}

/** The desk of one reviewing surface: what is refused there is recorded under its name. */
export function openReviewDesk(
  { approvals, trail, lookUpGroups, masker, rejudge, nameGroup }: ReviewDeskParts,
  via: 'api' | 'console',
): ReviewDesk {
  return {
    store: approvals.store,
    rules: approvals.rules,
    lookUpGroups,
    recordEvent: approvals.recordEvent,
    clock: approvals.clock,
    maskText: (text) => maskFreeText(text, masker),
    rejudge,
    nameGroup,
    async recordVoteRefused({ approvalId, reviewer, verdict, code }) {
      const by = { provider: reviewer.provider, oid: reviewer.subject, name: reviewer.name }
      await trail.append({ event: 'approval.vote_refused', approval: approvalId, by, via, vote: verdict, code })
    },
  }
}

/** The desk of the console, where what is hidden in a request can be asked for. */
export function openRevealDesk(
  desk: ReviewDesk,
  { trail, unmask, limitReveals }: Pick<RevealDesk, 'unmask' | 'limitReveals'> & { readonly trail: Trail },
): RevealDesk {
  return {
    ...{ ...desk, unmask, limitReveals, isRevealable },
    async recordRevealed({ approval, reviewer, reason }) {
      const by = { provider: reviewer.provider, oid: reviewer.subject, name: reviewer.name }
      const { id, callId, digest } = approval
      await trail.append({ event: 'approval.revealed', approval: id, call: callId, by, via: 'console', digest, reason })
    },
  }
}
