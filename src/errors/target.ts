import type { ErrorRow } from './errorRow.ts'

/** `ERR_TARGET_*`: what any target may answer; commands, and the host they run on. */
export const TARGET_ERRORS = {
  ERR_COMMAND_TEXT: {
    status: 200,
    message: 'The command is not text that can be judged.',
    next: 'Send argv, or one line of plain commands, as well-formed text within the limits that the detail names.',
  },
  ERR_SSH_HOST_KEY: {
    status: 200,
    message: 'The host did not show the key that is pinned for it, so no credential was sent.',
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_TARGET_CREDENTIALS: {
    status: 200,
    message: "The target refused the gateway's own credential.",
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_TARGET_FAILED: {
    status: 200,
    message: 'The target answered with an error.',
    next: 'Read the detail, correct the request, and call again.',
  },
  ERR_TARGET_UNAVAILABLE: {
    status: 200,
    message: 'The target could not be reached.',
    next: 'Call again later; nothing was executed.',
  },
} as const satisfies Record<string, ErrorRow>
