import type { ErrorRow } from './errorRow.ts'

/** `ERR_APPROVAL_*`: a call that people are asked about; what else there is between a decision and its execution. */
export const APPROVAL_ERRORS = {
  ERR_APPROVAL_UNKNOWN: {
    status: 200,
    message: 'No approval of that id belongs to this caller.',
    next: 'Use the approval_id that a pending_approval answer gave to this caller.',
  },
  ERR_APPROVAL_PENDING: {
    status: 200,
    message: 'No decision has been made yet; nothing was executed.',
    next: 'Call await_approval with the approval_id.',
  },
  ERR_APPROVAL_DENIED: {
    status: 200,
    message: 'A reviewer denied this call; nothing was executed.',
    next: 'Do not repeat it unchanged; the reason says what would have to differ.',
  },
  ERR_APPROVAL_EXPIRED: {
    status: 200,
    message: 'The approval expired before it was used; nothing was executed.',
    next: 'Call the tool again if the change is still wanted; reviewers are asked anew.',
  },
  ERR_APPROVAL_WITHDRAWN: {
    status: 200,
    message: 'The approval was withdrawn; nothing was executed.',
    next: 'Call the tool again if the change is still wanted; reviewers are asked anew.',
  },
  ERR_APPROVAL_MODIFIED: {
    status: 200,
    message: 'A reviewer changed the request; another one took its place.',
    next: 'Call await_approval with the same approval_id: it leads to the changed request.',
  },
  ERR_APPROVAL_CHANGED: {
    status: 200,
    message: 'What would run now is not what was approved; nothing was executed.',
    next: 'Call the tool again, so that reviewers see what would run now.',
  },
  ERR_APPROVAL_POLICY: {
    status: 200,
    message: 'Policy has become stricter since reviewers were asked; nothing was executed.',
    next: 'Call the tool again, so that reviewers are asked under the present policy.',
  },
  ERR_APPROVAL_VOTE_REVOKED: {
    status: 200,
    message: 'A reviewer whose vote the approval needs has been revoked; nothing was executed.',
    next: 'Tell an operator the approval id.',
  },
  ERR_APPROVAL_TAKEN: {
    status: 200,
    message: 'The approval has been used already; it clears one call, once.',
    next: 'Call await_approval with the approval_id to collect the result.',
  },
  ERR_APPROVAL_FAILED: {
    status: 200,
    message: 'The approved call ran and failed.',
    next: 'Read the detail and correct the request before calling again.',
  },
  ERR_APPROVAL_LIMIT: {
    status: 200,
    message: 'This caller has as many undecided approvals as are allowed at once.',
    next: 'Wait for a decision, or withdraw_approval what is no longer wanted.',
  },
  ERR_APPROVAL_RATE: {
    status: 200,
    message: 'This caller asks for approvals too often.',
    next: 'Wait a minute, then call again.',
  },
  ERR_APPROVAL_NOBODY: {
    status: 200,
    message: 'Policy asks for an approval that nobody can give.',
    next: 'Tell an operator: the rule names no reviewers, or a reviewer set is empty.',
  },
  ERR_REASON_REQUIRED: {
    status: 200,
    message: 'Reviewers need a reason for this call.',
    next: 'Call again with `reason`: one sentence on why it is needed.',
  },
  ERR_PREVIEW_REQUIRED: {
    status: 200,
    message: 'Policy asks for a preview of the effect, and none can be made for this call.',
    next: 'Rewrite the call so that its effect can be foreseen, for example as one plain statement.',
  },
  ERR_OUTCOME_UNKNOWN: {
    status: 200,
    message: 'The call was started, and whether it took effect is not known.',
    next: 'Look at the target before deciding whether to call again.',
  },
  ERR_LEASE_LOST: {
    status: 503,
    message: 'Another instance of the gateway has taken over; this one must not go on.',
    next: 'Call again; what happened so far is kept.',
  },
  ERR_IDEMPOTENCY_CONFLICT: {
    status: 200,
    message: 'This idempotency_key was used for a different call.',
    next: 'Use a new idempotency_key for a new call.',
  },
  ERR_IDEMPOTENCY_RUNNING: {
    status: 200,
    message: 'A call with this idempotency_key is still running.',
    next: 'Call again in a few seconds with the same idempotency_key.',
  },
  ERR_REVOKED: {
    status: 403,
    message: 'Access was revoked by an operator.',
    next: 'Tell the person who runs this agent; calling again does not help.',
  },
  ERR_STORE: {
    status: 503,
    message: 'The approval store cannot be used, so nothing runs.',
    next: 'Call again later; tell an operator if it goes on.',
  },
} as const satisfies Record<string, ErrorRow>
