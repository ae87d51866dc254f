import type { ErrorRow } from './errorRow.ts'

/** `ERR_CONSOLE_*`: the pages for reviewers. */
export const CONSOLE_ERRORS = {
  ERR_CONSOLE_SESSION: {
    status: 401,
    message: 'Nobody is signed in here, or the session has ended.',
    next: 'Sign in again; nothing was decided.',
  },
  ERR_CONSOLE_LOGIN: {
    status: 403,
    message: 'The login could not be completed.',
    next: 'Start again from the sign-in page of the console.',
  },
  ERR_CONSOLE_FORM: {
    status: 403,
    message: 'The form did not come from a page of this session.',
    next: 'Load the request again and decide there; nothing was decided.',
  },
  ERR_CONSOLE_UNREAD: {
    status: 400,
    message: 'Something in this request is hidden or could deceive, so one click does not approve it.',
    next: 'Read the whole request, confirm that you did, and approve.',
  },
  ERR_CONSOLE_PAGE: {
    status: 404,
    message: 'The console has no such page.',
    next: 'Go on from the list of requests.',
  },
  ERR_CONSOLE_BUSY: {
    status: 503,
    message: 'The trail is being read for somebody else.',
    next: 'Try again in a moment.',
  },
} as const satisfies Record<string, ErrorRow>
