import { APPROVAL_ERRORS } from './errors/approval.ts'
import { CONSOLE_ERRORS } from './errors/console.ts'
import { GIT_ERRORS } from './errors/git.ts'
import { HTTP_ERRORS } from './errors/http.ts'
import { IDENTITY_ERRORS } from './errors/identity.ts'
import { KUBECTL_ERRORS } from './errors/kubectl.ts'
import { POLICY_ERRORS } from './errors/policy.ts'
import { RECORD_ERRORS } from './errors/record.ts'
import { REVIEW_ERRORS } from './errors/review.ts'
import { SLACK_ERRORS } from './errors/slack.ts'
import { SQL_ERRORS } from './errors/sql.ts'
import { TARGET_ERRORS } from './errors/target.ts'
import { WIRE_ERRORS } from './errors/wire.ts'

/**
 * Every error this server raises on purpose, in one table; its rows are in `errors/`, by what they are about.
 *
 * A code is a promise: it never changes meaning and is never reused. `message` says what happened, `next` tells the
 * caller what to do now; both are safe to show to an agent. docs/errors.md equals this table (test/errors.test.ts).
 */
export const ERRORS = {
  ...WIRE_ERRORS,
  ...IDENTITY_ERRORS,
  ...POLICY_ERRORS,
  ...SQL_ERRORS,
  ...KUBECTL_ERRORS,
  ...HTTP_ERRORS,
  ...TARGET_ERRORS,
  ...GIT_ERRORS,
  ...APPROVAL_ERRORS,
  ...REVIEW_ERRORS,
  ...CONSOLE_ERRORS,
  ...SLACK_ERRORS,
  ...RECORD_ERRORS,
} as const

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
