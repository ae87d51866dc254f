import type { ErrorRow } from './errorRow.ts'

/** `ERR_SLACK_*`: people and messages in Slack. */
export const SLACK_ERRORS = {
  ERR_SLACK_SIGNATURE: {
    status: 401,
    message: 'The request was not signed by Slack for this app just now.',
    next: 'Check approvals.slack.signingSecret and the clock of this machine; a request is accepted once.',
  },
  ERR_SLACK_CLICK: {
    status: 403,
    message: 'This does not come from the message of that request, in its channel and workspace.',
    next: 'Use the buttons under the request in the approvals channel.',
  },
  ERR_SLACK_LOOKUP: {
    status: 503,
    message: 'Slack could not say whose account this is, so nothing was decided.',
    next: 'Try again in a moment, or decide in the console or with countersign approvals.',
  },
  ERR_SLACK_DIRECTORY: {
    status: 503,
    message: 'The directory could not say whose e-mail address this is, so nothing was decided.',
    next: 'Try again in a moment, type /countersign link, or decide in the console. Operators: it needs Graph with User.Read.All.',
  },
  ERR_SLACK_ACCOUNT: {
    status: 403,
    message: 'Guests, bots, deactivated accounts and other workspaces decide nothing.',
    next: 'Use your own account, as a full member of the workspace of this app.',
  },
  ERR_SLACK_UNLINKED: {
    status: 403,
    message: 'This Slack account is not linked to a person in the directory.',
    next: 'Type /countersign link. Where that is off, ask an administrator for an entry in approvals.slack.users.',
  },
  ERR_SLACK_UNREAD: {
    status: 403,
    message: 'Something in this request is hidden, long or could deceive, so one click does not approve it.',
    next: 'Open the full text, read it, and approve there.',
  },
} as const satisfies Record<string, ErrorRow>
