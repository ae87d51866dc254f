import type { Approval, ShownField } from '../approvals/approval.ts'
import type { Answer, AnswerStatus, Decision, Json, MaskedOutput, Verdict } from '../call.ts'
import { ERRORS, type ErrorCode, GateError } from '../errors.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'

/** What is common to the answers of one call. */
export interface AnswerContext {
  readonly callId: string
  readonly masker: Masker
  /** Set when the answer is about what a reviewer wrote in the place of what the agent asked for. */
  readonly changed?: Approval | undefined
}

interface OkWords {
  readonly message: string
  readonly nextStep?: string
  readonly approvalId?: string | undefined
}

export function answerOk(
  { callId, masker, changed }: AnswerContext,
  output: MaskedOutput | undefined,
  words: OkWords,
): Answer {
  return {
    status: 'ok',
    callId,
    approvalId: words.approvalId,
    code: undefined,
    message: maskFreeText(tellChange(words.message, changed, 'What ran is NOT what you asked for.'), masker),
    nextStep:
      words.nextStep ?? (changed === undefined ? 'Use the result.' : 'Read details.changed, then use the result.'),
    details: changedDetails(changed),
    output,
  }
}

/** Nothing has run. Says who was asked, until when, and how to collect the outcome. */
export function answerPending({ callId, masker, changed }: AnswerContext, approval: Approval): Answer {
  const { id, needs, expiresAt, state } = approval
  const reviewers = needs.map(({ set, atLeast }) => (atLeast === 1 ? set : `${set} (${atLeast} people)`)).join(' and ')
  const message =
    state === 'executing'
      ? `Approval ${id} was given and the call is running in another request.`
      : `Waiting for approval ${id} by ${reviewers}. NOTHING has been executed.`
  return {
    status: 'pending_approval',
    callId,
    approvalId: id,
    code: undefined,
    message: maskFreeText(tellChange(message, changed, 'What waits is NOT what you asked for.'), masker),
    nextStep: 'Call await_approval with this approval_id. Do not send the call again in other words.',
    details: {
      expires_at: new Date(expiresAt).toISOString(),
      retry_after_seconds: 10,
      ...changedDetails(changed),
    },
    output: undefined,
  }
}

const STATUS_OF: Partial<Record<ErrorCode, AnswerStatus>> = {
  ERR_POLICY_DENIED: 'denied',
  ERR_POLICY_RATE: 'denied',
  ERR_APPROVAL_DENIED: 'denied',
  ERR_APPROVAL_NOBODY: 'denied',
  ERR_REVOKED: 'denied',
  ERR_APPROVAL_EXPIRED: 'expired',
  ERR_APPROVAL_WITHDRAWN: 'withdrawn',
  ERR_APPROVAL_POLICY: 'withdrawn',
  ERR_APPROVAL_MODIFIED: 'withdrawn',
  ERR_OUTCOME_UNKNOWN: 'unknown',
  ERR_AUDIT_OUTCOME: 'unknown',
}

/** Their details name files and variables of the server: the log has them, the agent does not need them. */
const FOR_OPERATORS = new Set<ErrorCode>(['ERR_SECRET', 'ERR_CONFIG', 'ERR_TARGET_CREDENTIALS'])

/** A stop as the agent sees it. Anything that is not a GateError is a bug: only the call id leaves the server. */
export function answerStopped(
  { callId, masker, changed }: AnswerContext,
  error: unknown,
  decision: Decision | undefined,
): Answer {
  const stop = error instanceof GateError ? error : new GateError('ERR_INTERNAL')
  const approvalId = stop.facts.approval_id
  return {
    status: STATUS_OF[stop.code] ?? 'failed',
    callId,
    approvalId: typeof approvalId === 'string' ? approvalId : undefined,
    code: stop.code,
    message: maskFreeText(tellChange(messageOf(stop, decision), changed, 'It was not what you asked for.'), masker),
    nextStep: ERRORS[stop.code].next,
    details: detailsOf(stop, decision, changed),
    output: undefined,
  }
}

function messageOf(stop: GateError, decision: Decision | undefined): string {
  if (FOR_OPERATORS.has(stop.code)) return ERRORS[stop.code].message
  if (stop.code !== 'ERR_POLICY_DENIED' || decision === undefined) return stop.message
  const denied = decision.verdicts.filter(({ action }) => action === 'deny')
  return [ERRORS[stop.code].message, ...denied.map(denialOf)].join(' ')
}

/** Why one operation is denied, for the agent: rules by name, never where they stand on the server's disk. */
function denialOf({ operation, reason, policy, rule, message, hindrance }: Verdict): string {
  const name = operation.operation
  if (message !== undefined) return `${name}: ${message}`
  switch (reason) {
    case 'rule-matched':
      return `${name} is denied by rule ${rule} of policy ${policy}.`
    case 'no-rule-matched':
      return `No rule allows ${name} here.`
    case 'outside-hours':
    case 'rate-used-up':
      return `${name}: rule ${rule} of policy ${policy} ${hindrance}.`
    case 'no-policy-bound':
      return `No policy is about you on this connection.`
    case 'groups-unknown':
      return `Your groups are not known, so no rule allows ${name}.`
    case 'floor':
      return operation.because === undefined
        ? `${name} never runs through this gate.`
        : `${name}: ${operation.because}.`
    default:
      return `${name} belongs to a call that is not allowed.`
  }
}

function detailsOf(stop: GateError, decision: Decision | undefined, changed: Approval | undefined): Json | undefined {
  const { approval_id: _, ...facts } = stop.facts
  const denied = stop.code === 'ERR_POLICY_DENIED' && decision !== undefined ? { operations: verdictsOf(decision) } : {}
  const details = { ...facts, ...denied, ...changedDetails(changed) }
  return Object.keys(details).length === 0 ? undefined : details
}

function tellChange(message: string, changed: Approval | undefined, what: string): string {
  return changed === undefined ? message : `A reviewer changed this call. ${what} ${message}`
}

/** Both texts as masking made them, for the agent to compare. Who the reviewer is does not concern it. */
function changedDetails(changed: Approval | undefined): { readonly changed: Json } | undefined {
  const { modification, id, digest, shown } = changed ?? {}
  if (modification === undefined) return undefined
  const textOf = (fields: readonly ShownField[] = []) =>
    Object.fromEntries(fields.map(({ name, text }) => [name, text]))
  return {
    changed: {
      approval_id: id ?? '',
      digest: digest ?? '',
      asked: textOf(modification.asked),
      now: textOf(shown?.fields),
      ...(modification.note !== undefined && { note: modification.note }),
    },
  }
}

/** Every operation and its answer, by rule name. Where the rule stands on the server's disk is not the agent's business. */
export function verdictsOf(decision: Decision): Json {
  return decision.verdicts.map(({ operation, action, policy, rule, reason, message, hindrance }) => ({
    operation: operation.operation,
    facts: operation.facts,
    decision: action,
    reason,
    ...(operation.because !== undefined && { because: operation.because }),
    ...(policy !== undefined && { policy }),
    ...(rule !== undefined && { rule }),
    ...(message !== undefined && { message }),
    ...(hindrance !== undefined && { hindrance }),
  }))
}
