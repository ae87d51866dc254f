import type { Action, Decision, Operation, Verdict } from '../call.ts'
import {
  type ConsideredPolicy,
  type ConsideredRule,
  considerPolicies,
  considerRules,
  type JudgedCall,
} from './considerRules.ts'
import { type Gate, mergeTerms } from './mergeTerms.ts'
import type { PolicySet } from './policySet.ts'

const STRICTNESS: Readonly<Record<Action, number>> = { allow: 0, 'require-approval': 1, deny: 2 }

/**
 * What policy says about a call. Pure: the same call and policies give the same answer.
 *
 * Each operation is decided on its own and needs cover of its own; the call gets the strictest answer. For one
 * operation deny > require-approval > allow over every matching rule of every bound policy, whatever the order. To
 * open, a rule must cover all that the operation touches; to deny it, or to gate what another rule opens, any is enough.
 *
 * - No rule matches: `operation.otherwise`. That is deny for what the caller asked for. A consequence (a cascade, an
 *   unlisted function) goes to reviewers, but only as part of a call whose own operations are all covered.
 * - A floor is never undercut, not even by a rule that names the operation: `deny` always denies, and
 *   `require-approval` turns an allow into a gate. What a policy may open is not given a floor by the tool.
 * - Groups that are not known match deny rules only. No operations at all: deny.
 */
export function decide(call: JudgedCall, policies: PolicySet): Decision {
  const considered = considerPolicies(call, policies)
  const answers = answerEach(call, considered)
  const verdicts = answers.map(({ verdict }) => verdict)
  const action = strictest(verdicts.map((verdict) => verdict.action))
  return {
    action,
    verdicts,
    approval:
      action === 'require-approval'
        ? mergeTerms(
            answers.flatMap(({ gates }) => gates),
            policies,
          )
        : undefined,
    // Also where membership is only possible: a trail that says too much is the smaller mistake.
    record: considered.some(({ policy, binding }) => policy.record && binding.applies !== 'no'),
    policyVersion: policies.version,
  }
}

/** The strictest of several actions; deny when there is none. */
export function strictest(actions: readonly Action[]): Action {
  const [first, ...rest] = actions
  if (first === undefined) return 'deny'
  return rest.reduce((worst, action) => (STRICTNESS[action] > STRICTNESS[worst] ? action : worst), first)
}

export function isStricterAction(left: Action, right: Action): boolean {
  return STRICTNESS[left] > STRICTNESS[right]
}

interface Answer {
  readonly verdict: Verdict
  readonly gates: readonly Gate[]
}

/** Stands in a verdict where a tool reported nothing to judge. */
const NOTHING: Operation = { operation: 'nothing', otherwise: 'deny', floor: 'deny', facts: {} }

function answerEach(call: JudgedCall, considered: readonly ConsideredPolicy[]): Answer[] {
  if (call.operations.length === 0) return [{ verdict: withoutRule(NOTHING, 'deny', 'no-operations'), gates: [] }]
  const answers = call.operations.map((operation) => answer(operation, call.tool, considered))
  // The operations that the caller asked for; consequences ride on them and open nothing by themselves.
  const asked = answers.filter(({ verdict }) => verdict.operation.otherwise === 'deny')
  const covered = asked.length > 0 && asked.every(({ verdict }) => verdict.action !== 'deny')
  if (covered) return answers
  return answers.map((given) =>
    given.verdict.reason === 'consequence'
      ? { verdict: withoutRule(given.verdict.operation, 'deny', 'consequence-of-uncovered'), gates: [] }
      : given,
  )
}

function answer(operation: Operation, tool: string, considered: readonly ConsideredPolicy[]): Answer {
  const rules = considerRules(operation, tool, considered).filter(({ match }) => match !== 'no')
  // A gate that is only touched says nothing by itself: it holds back what another rule opens.
  const isOpen = rules.some(({ match }) => match === 'covers')
  const matching = rules.filter(({ match, rule }) => match === 'covers' || rule.action === 'deny' || isOpen)
  const action = matching.length === 0 ? undefined : strictest(matching.map(({ rule }) => rule.action))
  const deciding = matching.filter(({ rule }) => rule.action === action)
  const [first] = deciding

  // A deny that somebody wrote explains more than the floor under it.
  if (operation.floor === 'deny' && action !== 'deny') {
    return { verdict: withoutRule(operation, 'deny', 'floor'), gates: [] }
  }
  if (first === undefined || action === undefined) {
    if (operation.otherwise === 'require-approval') {
      const touched = rules.map(({ rule }) => rule.approval)
      return { verdict: withoutRule(operation, 'require-approval', 'consequence'), gates: ['by-default', ...touched] }
    }
    return { verdict: withoutRule(operation, 'deny', reasonForNothing(considered)), gates: [] }
  }
  if (operation.floor === 'require-approval' && action === 'allow') {
    return {
      verdict: { ...byRule(operation, first), action: 'require-approval', reason: 'floor' },
      gates: ['by-default'],
    }
  }
  return {
    verdict: byRule(operation, first),
    gates: action === 'require-approval' ? deciding.map(({ rule }) => rule.approval) : [],
  }
}

function byRule(operation: Operation, { policy, rule }: ConsideredRule): Verdict {
  return {
    operation,
    action: rule.action,
    policy: policy.name,
    rule: rule.name,
    source: `${rule.place.file}:${rule.place.line}`,
    reason: 'rule-matched',
    message: rule.message,
  }
}

function withoutRule(operation: Operation, action: Action, reason: string): Verdict {
  return { operation, action, policy: undefined, rule: undefined, source: undefined, reason, message: undefined }
}

function reasonForNothing(considered: readonly ConsideredPolicy[]): string {
  if (considered.some(({ binding }) => binding.applies === 'maybe')) return 'groups-unknown'
  if (considered.some(({ binding }) => binding.applies === 'yes')) return 'no-rule-matched'
  return 'no-policy-bound'
}
