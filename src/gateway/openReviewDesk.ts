import type { ApprovalGate } from '../approvals/clearance.ts'
import type { LookUpGroups } from '../approvals/membership.ts'
import type { Rejudge } from '../approvals/modify.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import type { Trail } from '../audit/trail.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'

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
