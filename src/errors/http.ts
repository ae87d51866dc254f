import type { ErrorRow } from './errorRow.ts'

/** `ERR_HTTP_*`: `http_request`. */
export const HTTP_ERRORS = {
  ERR_HTTP_PATH: {
    status: 200,
    message: 'The path is not one that every server reads alike.',
    next: 'Write it plainly: segments below the base URL, each percent-encoded at most once.',
  },
  ERR_HTTP_HEADER: {
    status: 200,
    message: 'A header is not one that callers can set on this connection.',
    next: 'Leave it out; credentials and what belongs to the connection are added by the gateway.',
  },
  ERR_HTTP_REQUEST: {
    status: 200,
    message: 'The query or the body cannot be sent as it is.',
    next: 'Correct what is named, and call again.',
  },
  ERR_HTTP_ADDRESS: {
    status: 200,
    message: 'The host of the connection has an address that it should not have, so nothing was sent.',
    next: 'Tell an operator: its name leads to another network than configured.',
  },
  ERR_HTTP_TIMEOUT: {
    status: 200,
    message: 'The target did not answer in time.',
    next: 'Ask for less, or call again later; nothing was changed.',
  },
  ERR_HTTP_RESPONSE: {
    status: 200,
    message: 'The answer of the target could not be read.',
    next: 'Tell an operator; nothing was changed.',
  },
  ERR_HTTP_ROWS: {
    status: 200,
    message: 'What an HTTP request changes cannot be counted, so it cannot be held to a row limit; nothing was sent.',
    next: 'Tell an operator: the rule that gates this call has maxRows, which is for SQL.',
  },
  ERR_HTTP_CHANGED: {
    status: 200,
    message: 'The connection was configured anew meanwhile; nothing was sent.',
    next: 'Call again.',
  },
} as const satisfies Record<string, ErrorRow>
