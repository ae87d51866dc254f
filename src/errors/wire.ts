import type { ErrorRow } from './errorRow.ts'

/** The form of requests and calls, and what is refused before anybody is known. */
export const WIRE_ERRORS = {
  ERR_TOOL_UNKNOWN: {
    status: 200,
    message: 'No tool of that name exists.',
    next: 'Call tools/list and use a name from it.',
  },
  ERR_ARGUMENTS: {
    status: 200,
    message: 'The arguments do not fit the tool.',
    next: 'Correct the named fields and call again.',
  },
  ERR_BODY_TOO_LARGE: {
    status: 413,
    message: 'The request body is larger than the limit.',
    next: 'Send less than 1 MiB.',
  },
  ERR_BODY_MALFORMED: {
    status: 400,
    message: 'The request body is not valid UTF-8 JSON.',
    next: 'Send one JSON-RPC message as UTF-8 JSON.',
  },
  ERR_HOST: {
    status: 403,
    message: 'The Host header is not one of the allowed hosts.',
    next: 'Use the public URL of this gateway, or add the host to server.allowedHosts.',
  },
  ERR_ORIGIN: {
    status: 403,
    message: 'The Origin header is not one of the allowed origins.',
    next: 'Call from an allowed origin, or add it to server.allowedOrigins.',
  },
  ERR_RATE_LIMIT: {
    status: 429,
    message: 'Too many requests.',
    next: 'Wait for the number of seconds in Retry-After, then call again.',
  },
  ERR_BUSY: {
    status: 503,
    message: 'Too many calls are running at once.',
    next: 'Wait a few seconds and call again; nothing was executed.',
  },
  ERR_CANCELLED: {
    status: 200,
    message: 'The client closed the request before it ran.',
    next: 'Call again if the result is still wanted; nothing was executed.',
  },
  ERR_SHUTTING_DOWN: {
    status: 503,
    message: 'The gateway is stopping.',
    next: 'Call again in a few seconds; nothing was executed.',
  },
} as const satisfies Record<string, ErrorRow>
