import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { LinkTo } from '../approvals/notifier.ts'
import { type ReviewView, reviewViewOf, type VoteView, voteViewOf } from '../approvals/review.ts'

/** What a receiver gets. Text of the agent and the target is masked, and still untrusted. */
interface WebhookPayload {
  /** `approval.requested`, ... */
  readonly type: `approval.${ApprovalEvent['kind']}`
  /** When it happened. ISO 8601. */
  readonly timestamp: string
  readonly data: {
    /** The request as it is now, which may be later than what happened. */
    readonly request: ReviewView
    /** The vote that was cast, where one was. */
    readonly vote: VoteView | null
    /** Where a person reads and decides it. */
    readonly link: string | null
  }
}

/** The same on every try, so that a receiver recognises what it has. */
export function webhookIdOf({ approvalId, version }: ApprovalEvent): string {
  return `${approvalId}.${version}`
}

export function drawEvent(
  event: ApprovalEvent,
  approval: Approval,
  nameGroup: (id: string) => string,
  linkTo: LinkTo,
): WebhookPayload {
  return {
    type: `approval.${event.kind}`,
    timestamp: new Date(event.at).toISOString(),
    data: {
      request: reviewViewOf(approval, nameGroup),
      vote: event.vote === undefined ? null : voteViewOf(event.vote),
      link: linkTo(approval.id) ?? null,
    },
  }
}
