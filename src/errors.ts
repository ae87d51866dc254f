/**
 * Every error this server raises on purpose, in one table.
 *
 * A code is a promise: it never changes meaning and is never reused. `message` says what happened, `next` tells the
 * caller what to do now; both are safe to show to an agent. docs/errors.md equals this table (test/errors.test.ts).
 * `status` is the HTTP status where the error ends an HTTP request; tool results travel in a 200.
 */
export const ERRORS = {
  // wire
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

  // identity

  // policy and configuration
  ERR_CONFIG: { status: 500, message: 'The configuration is not valid.', next: 'Correct the file at the place named.' },
  ERR_CONNECTION_UNKNOWN: {
    status: 200,
    message: 'No connection of that name is open to this caller.',
    next: 'Call list_connections and use a name from it.',
  },
  ERR_POLICY_DENIED: {
    status: 200,
    message: 'Policy does not allow this call.',
    next: 'Do not repeat it unchanged; the reasons say what would have to differ.',
  },

  // understanding and execution
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

  // approvals
  ERR_APPROVAL_UNKNOWN: {
    status: 200,
    message: 'No approval of that id belongs to this caller.',
    next: 'Use the approval_id that a pending_approval answer gave to this caller.',
  },

  // masking
  ERR_MASKING: {
    status: 200,
    message: 'The output could not be masked, so it was withheld.',
    next: 'Tell an operator the call id.',
  },

  // trail
  ERR_AUDIT: {
    status: 503,
    message: 'The trail cannot be written, so nothing runs.',
    next: 'Tell an operator; call again when the gateway is ready.',
  },

  ERR_INTERNAL: { status: 500, message: 'Internal error.', next: 'Tell an operator the call id.' },
} as const satisfies Record<string, ErrorRow>

interface ErrorRow {
  readonly status: number
  readonly message: string
  readonly next: string
}

export type ErrorCode = keyof typeof ERRORS

interface GateErrorOptions {
  /** What exactly, in one sentence. Reaches the agent: never a secret, never a driver's message. */
  readonly detail?: string
  /** The underlying failure. Logged, never sent to the agent and never written to the trail. */
  readonly cause?: unknown
  /** Structured facts for a machine that reads the refusal, safe to show. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}

/** An expected stop: the call was turned back at a stage. Anything else that is thrown is a bug (ERR_INTERNAL). */
export class GateError extends Error {
  override readonly name = 'GateError'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly facts: Readonly<Record<string, string | number | boolean>>

  constructor(code: ErrorCode, { detail, cause, facts = {} }: GateErrorOptions = {}) {
    super(
      detail === undefined ? ERRORS[code].message : `${ERRORS[code].message} ${detail}`,
      cause === undefined ? undefined : { cause },
    )
    this.code = code
    this.detail = detail
    this.facts = facts
  }

  /** What the caller should do now. */
  get next(): string {
    return ERRORS[this.code].next
  }
}
