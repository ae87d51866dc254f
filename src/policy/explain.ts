import type { Action, ApprovalTerms, Decision, Fact, Verdict } from '../call.ts'
import { considerPolicies, considerRules, type JudgedCall } from './considerRules.ts'
import { decide } from './decide.ts'
import type { PolicySet } from './policySet.ts'

/** A decision with everything that was looked at on the way. Plain data: `--json` prints it as it is. */
export interface Explanation {
  readonly action: Action
  readonly tool: string
  readonly connection: string
  readonly approval: ApprovalTerms | undefined
  readonly record: boolean
  readonly policyVersion: string
  readonly policies: readonly {
    readonly policy: string
    readonly source: string
    readonly applies: 'yes' | 'maybe' | 'no'
    readonly because: string
  }[]
  readonly operations: readonly ExplainedOperation[]
}

interface ExplainedOperation {
  readonly operation: string
  readonly because: string | undefined
  readonly facts: Readonly<Record<string, Fact>>
  readonly action: Action
  readonly reason: string
  readonly policy: string | undefined
  readonly rule: string | undefined
  readonly source: string | undefined
  readonly message: string | undefined
  readonly hindrance?: string | undefined
  readonly rules: readonly {
    readonly policy: string
    readonly rule: string
    readonly action: Action
    readonly source: string
    readonly match: 'covers' | 'touches' | 'no'
    /** Why not, where it does not match. */
    readonly mismatch: string | undefined
  }[]
}

/** Decides and says why. The decision comes from `decide` itself, so it cannot differ from what a call would get. */
export function explain(call: JudgedCall, policies: PolicySet): Explanation {
  const decision: Decision = decide(call, policies)
  const considered = considerPolicies(call, policies)
  return {
    action: decision.action,
    tool: call.tool,
    connection: call.connection.name,
    approval: decision.approval,
    record: decision.record,
    policyVersion: decision.policyVersion,
    policies: considered.map(({ policy, binding }) => ({
      policy: policy.name,
      source: `${policy.place.file}:${policy.place.line}`,
      applies: binding.applies,
      because: binding.because,
    })),
    operations: decision.verdicts.map((verdict) => {
      const { operation, because, facts } = verdict.operation
      const { action, reason, policy, rule, source, message, hindrance } = verdict
      const rules = considerRules(verdict.operation, call, considered).map((held) => ({
        policy: held.policy.name,
        rule: held.rule.name,
        action: held.rule.action,
        source: `${held.rule.place.file}:${held.rule.place.line}`,
        match: held.usedUp ? ('no' as const) : held.match,
        mismatch: held.mismatch ?? held.hindrance,
      }))
      return { operation, because, facts, action, reason, policy, rule, source, message, hindrance, rules }
    }),
  }
}

/** One sentence for a verdict: what, by whom, and why. */
export function sentenceFor({
  operation,
  action,
  reason,
  policy,
  rule,
  source,
  hindrance,
}: Verdict | SentenceParts): string {
  const name = typeof operation === 'string' ? operation : operation.operation
  const by = `rule ${rule} of policy ${policy} (${source})`
  switch (reason) {
    case 'rule-matched':
      return `${name}: ${action}, by ${by}`
    case 'floor':
      return policy === undefined
        ? `${name}: ${action}, whatever policy says: this never runs`
        : `${name}: ${action}, because this always needs a person, although ${by} allows it`
    case 'no-rule-matched':
      return `${name}: ${action}, because no rule matches it`
    case 'outside-hours':
    case 'rate-used-up':
      return `${name}: ${action}, because ${by} ${hindrance}`
    case 'no-policy-bound':
      return `${name}: ${action}, because no policy is about this caller on this connection`
    case 'groups-unknown':
      return `${name}: ${action}, because the caller's groups are not known, so rules that open things do not match`
    case 'consequence':
      return `${name}: ${action}, because no rule names this consequence and a person may judge it`
    case 'consequence-of-uncovered':
      return `${name}: ${action}, because it belongs to a call that is not allowed`
    case 'no-operations':
      return `${action}, because nothing in the call could be judged`
    default:
      return `${name}: ${action} (${reason})`
  }
}

type SentenceParts = Omit<ExplainedOperation, 'facts' | 'rules' | 'message' | 'because'>

/** The explanation as lines for a terminal. Control characters in it are the caller's to escape. */
export function renderExplanation(explanation: Explanation): string[] {
  const { action, tool, connection, approval, policies, operations } = explanation
  const lines = [`${action}  ${tool} on ${connection}`, '']
  for (const operation of operations) {
    lines.push(sentenceFor(operation))
    if (operation.message !== undefined) lines.push(`    message: ${operation.message}`)
    if (operation.because !== undefined) lines.push(`    reported because ${operation.because}`)
    for (const [key, fact] of Object.entries(operation.facts)) {
      lines.push(`    ${key}: ${Array.isArray(fact) ? fact.join(', ') || '(none)' : String(fact)}`)
    }
    for (const { policy, rule, action: would, source, match, mismatch } of operation.rules) {
      const outcome = match === 'no' ? `no: ${mismatch}` : `${match}: ${would}`
      lines.push(`    ${policy} / ${rule} (${source})  ${outcome}`)
    }
  }
  if (approval !== undefined) lines.push('', ...renderTerms(approval))
  lines.push('', 'policies')
  for (const { policy, source, applies, because } of policies) {
    lines.push(
      `    ${policy} (${source})  ${applies === 'yes' ? 'applies' : applies === 'maybe' ? 'may apply' : 'does not apply'}: ${because}`,
    )
  }
  if (policies.length === 0) lines.push('    none')
  return [...lines, '', `policy version ${explanation.policyVersion}`]
}

function renderTerms({ reviewers, ttlMs, preview, maxRows, reason, escalation = [] }: ApprovalTerms): string[] {
  return [
    `approval by ${reviewers.length === 0 ? 'nobody: no reviewers are configured, so this cannot be approved' : reviewers.join(' and ')}`,
    ...(ttlMs === undefined ? [] : [`    expires after ${ttlMs / 1000} s`]),
    ...(maxRows === undefined ? [] : [`    at most ${maxRows} rows`]),
    ...(preview === 'required' ? ['    with a preview'] : []),
    ...(reason === 'required' ? ['    with a reason'] : []),
    ...escalation.flatMap((one) =>
      typeof one === 'string' ? [] : [`    moves to ${one.to} after ${one.afterMs / 1000} s without a decision`],
    ),
  ]
}
