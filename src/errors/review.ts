import type { ErrorRow } from './errorRow.ts'

/** `ERR_VOTE_*`, `ERR_MODIFY_*`, `ERR_REVEAL_*`, `ERR_LINK_*`: what reviewers do. */
export const REVIEW_ERRORS = {
  ERR_LINK_OFFER: {
    status: 404,
    message: 'This address was used, or is too old.',
    next: 'Ask for a new one in Slack: /countersign link. It works once, for ten minutes.',
  },
  ERR_LINK_CODE: {
    status: 403,
    message: 'This is not the code that the console showed for this account, or it is too old.',
    next: 'Begin again with /countersign link, open the address yourself, and type the code that you see.',
  },
  ERR_LINK_FIXED: {
    status: 409,
    message: 'The operators of this gateway have said who uses this Slack account.',
    next: 'Ask them: it is in approvals.slack.users.',
  },
  ERR_LINK_OFF: {
    status: 404,
    message: 'Slack accounts cannot be linked here.',
    next: 'Ask the operators for an entry in approvals.slack.users, or for the console and approvals.slack.linking.',
  },
  ERR_STATISTICS_QUERY: {
    status: 400,
    message: 'Statistics are not kept for that.',
    next: 'Ask with since=24h, 7d or 30d, and by=asked, approved, denied, expired or time.',
  },
  ERR_VOTE_MALFORMED: {
    status: 400,
    message: 'The request does not have the expected form.',
    next: 'Send {"digest": "hmac-sha256:...", "reason": "..."} as JSON.',
  },
  ERR_VOTE_UNKNOWN: {
    status: 404,
    message: 'No approval of that id is open to this reviewer.',
    next: 'Use an id from the list of approvals.',
  },
  ERR_VOTE_METHOD: {
    status: 405,
    message: 'This path does not take that method.',
    next: 'GET /api/approvals[/ID], POST /api/approvals/ID/approve, /deny or /modify.',
  },
  ERR_VOTE_NOT_REVIEWER: {
    status: 403,
    message: 'This person is not a reviewer for this approval.',
    next: 'Ask a member of the reviewer set that the approval names.',
  },
  ERR_VOTE_MEMBERSHIP: {
    status: 403,
    message: 'Whether this person is a reviewer could not be established, so the vote does not count.',
    next: 'Log in again; if it goes on, tell an operator that group membership cannot be read.',
  },
  ERR_VOTE_OWN_CALL: {
    status: 403,
    message: 'Nobody decides on their own call, nor on the call of an agent that acts for them.',
    next: 'Ask another reviewer.',
  },
  ERR_VOTE_OWNER: {
    status: 403,
    message: 'An owner of the agent does not decide on its calls.',
    next: 'Ask another reviewer.',
  },
  ERR_VOTE_AUTHOR: {
    status: 403,
    message: 'Nobody approves what they wrote themselves, whichever account they use.',
    next: 'Ask another reviewer to approve it; denying it is open to its author.',
  },
  ERR_VOTE_REASON: {
    status: 400,
    message: 'A denial needs a reason.',
    next: 'Say in one sentence what would have to differ; the agent is told.',
  },
  ERR_VOTE_DIGEST: {
    status: 409,
    message: 'The request that was shown is not the one that is stored.',
    next: 'Load the request again and read it before deciding.',
  },
  ERR_VOTE_DECIDED: {
    status: 409,
    message: 'The decision has been made already.',
    next: 'Nothing is left to do; the request shows who decided.',
  },
  ERR_MODIFY_FIELD: {
    status: 400,
    message: 'A change names something that cannot be changed.',
    next: 'Change arguments of the tool; its connection, its reason and its idempotency key stay as they are.',
  },
  ERR_MODIFY_FORM: {
    status: 400,
    message: 'A changed argument does not have the form that the tool takes.',
    next: 'Write lists, numbers and objects as JSON.',
  },
  ERR_MODIFY_HIDDEN: {
    status: 409,
    message: 'Part of this request is hidden, so what holds it can only be replaced whole.',
    next: 'Write every argument that is marked as hidden anew, without a [masked:...] in it.',
  },
  ERR_MODIFY_QUOTES: {
    status: 400,
    message: 'The change holds typographic quotes, which keyboards of telephones put in by themselves.',
    next: 'Write straight quotes, or change the request in the console.',
  },
  ERR_MODIFY_NOTHING: {
    status: 409,
    message: 'The changed request is the same as the one that waits.',
    next: 'Approve or deny it, or change something.',
  },
  ERR_MODIFY_EXISTS: {
    status: 409,
    message: 'The agent has asked for exactly this before, and that request still answers.',
    next: 'Look at that request; deny this one if it is not wanted any more.',
  },
  ERR_MODIFY_DENIED: {
    status: 409,
    message: 'Policy denies the changed call to this agent; nothing was changed.',
    next: 'Change it to something that the agent may do, or deny the request.',
  },
  ERR_MODIFY_RATE: {
    status: 429,
    message: 'This reviewer has changed too many requests within the hour.',
    next: 'Deny the request with a reason; the agent can ask for something better.',
  },
  ERR_MODIFY_OLD: {
    status: 409,
    message: 'This request was made by an older version, which did not keep what a change is judged by.',
    next: 'Deny it with a reason; the agent can ask again.',
  },
  ERR_REVEAL_NOT_ALLOWED: {
    status: 403,
    message: 'No reviewer set of this person that is asked now may see what is hidden.',
    next: 'Judge it without, or ask somebody whose set has mayReveal in the configuration.',
  },
  ERR_REVEAL_NOTHING: {
    status: 409,
    message: 'Nothing that may be shown is hidden in this request.',
    next: 'Secrets and credentials of the gateway stay hidden from everybody.',
  },
  ERR_REVEAL_CHANGED: {
    status: 409,
    message: 'What would run now is not what the request shows, so nothing of it was shown.',
    next: 'Deny it with a reason; the agent can ask again.',
  },
  ERR_VOTE_EXPIRED: {
    status: 409,
    message: 'The request expired before this vote.',
    next: 'The agent can ask again; nothing was executed.',
  },
} as const satisfies Record<string, ErrorRow>
