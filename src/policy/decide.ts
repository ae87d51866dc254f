import type { Action, Decision, Operation, RatedRule, Verdict } from '../call.ts'
import { ruleKey } from './circumstances.ts'
import {
  type ConsideredPolicy,
  type ConsideredRule,
  considerPolicies,
  considerRules,
  type JudgedCall,
  ratedRuleOf,
} from './considerRules.ts'
import { type Gate, mergeTerms } from './mergeTerms.ts'
import type { PolicySet } from './policySet.ts'

const STRICTNESS: Readonly<Record<Action, number>> = { allow: 0, 'require-approval': 1, deny: 2 }

/**
 * What policy says about a call. Pure: the same call, moment and policies give the same answer.
 *
 * Each operation is decided on its own and needs cover of its own; the call gets the strictest answer. For one
 * operation deny > require-approval > allow over every matching rule of every bound policy, whatever the order. To
 * open, a rule must cover all that the operation touches; to deny it, or to gate what another rule opens, any is enough.
 *
 * - No rule matches: `operation.otherwise`. That is deny for what the caller asked for. A consequence (a cascade, an
 *   unlisted function) goes to reviewers, but only as part of a call whose own operations are all covered.
 * - A floor is never undercut, not even by a rule that names the operation: `deny` always denies, and
 *   `require-approval` turns an allow into a gate. What a policy may open is not given a floor by the tool.
 * - A rule outside its hours says nothing, whatever its action. An allow rule beyond its rate says nothing either; a
 *   gate beyond its rate denies what it would have gated, so that no looser rule stands in for it.
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
    charges: action === 'deny' ? [] : mergeCharges(answers.flatMap(({ charges }) => charges)),
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
  readonly charges: Decision['charges']
}

/** Several operations that rest on the same rules are one use of them. */
function mergeCharges(charges: Decision['charges']): Decision['charges'] {
  if (charges.length < 2) return charges
  return [...new Map(charges.map((entry) => [entry.map(ruleKey).join(), entry])).values()]
}

/** Stands in a verdict where a tool reported nothing to judge. */
const NOTHING: Operation = { operation: 'nothing', otherwise: 'deny', floor: 'deny', facts: {} }

function answerEach(call: JudgedCall, considered: readonly ConsideredPolicy[]): Answer[] {
  if (call.operations.length === 0)
    return [{ verdict: withoutRule(NOTHING, 'deny', 'no-operations'), gates: [], charges: [] }]
  const answers = call.operations.map((operation) => answer(operation, call, considered))
  // The operations that the caller asked for; consequences ride on them and open nothing by themselves.
  const asked = answers.filter(({ verdict }) => verdict.operation.otherwise === 'deny')
  const covered = asked.length > 0 && asked.every(({ verdict }) => verdict.action !== 'deny')
  if (covered) return answers
  return answers.map((given) =>
    given.verdict.reason === 'consequence'
      ? { verdict: withoutRule(given.verdict.operation, 'deny', 'consequence-of-uncovered'), gates: [], charges: [] }
      : given,
  )
}

function answer(operation: Operation, call: JudgedCall, considered: readonly ConsideredPolicy[]): Answer {
  const held = considerRules(operation, call, considered)
  const rules = held.filter(({ match }) => match !== 'no')
  // A gate that is only touched says nothing by itself: it holds back what another rule opens.
  const isOpen = rules.some(({ match }) => match === 'covers')
  const matching = rules.filter(({ match, rule }) => match === 'covers' || rule.action === 'deny' || isOpen)
  const action = matching.length === 0 ? undefined : strictest(matching.map(({ rule }) => rule.action))
  const deciding = matching.filter(({ rule }) => rule.action === action)
  const [first] = deciding

  // A deny that somebody wrote explains more than the floor under it.
  if (operation.floor === 'deny' && action !== 'deny') return denied(withoutRule(operation, 'deny', 'floor'))
  if (action !== 'deny') {
    const spent = rules.find(({ usedUp }) => usedUp)
    if (spent !== undefined) return denied(byHindered(operation, spent, 'rate-used-up'))
  }
  if (first === undefined || action === undefined) {
    if (operation.otherwise === 'require-approval') {
      const verdict = withoutRule(operation, 'require-approval', 'consequence')
      return { verdict, gates: ['by-default', ...rules.map(({ rule }) => rule.approval)], charges: chargesOf(rules) }
    }
    const hindered = held.find(({ hindrance }) => hindrance !== undefined)
    if (hindered === undefined) return denied(withoutRule(operation, 'deny', reasonForNothing(considered)))
    return denied(byHindered(operation, hindered, hindered.usedUp ? 'rate-used-up' : 'outside-hours'))
  }
  const charges = chargesOf(deciding)
  if (operation.floor === 'require-approval' && action === 'allow') {
    const verdict: Verdict = { ...byRule(operation, first), action: 'require-approval', reason: 'floor' }
    return { verdict, gates: ['by-default'], charges }
  }
  const gates = action === 'require-approval' ? deciding.map(({ rule }) => rule.approval) : []
  return { verdict: byRule(operation, first), gates, charges }
}

function denied(verdict: Verdict): Answer {
  return { verdict, gates: [], charges: [] }
}

/**
 * What these rules, all of one action, ask to be counted. Every gate counts by itself. Of rules that allow one with room
 * is enough, and one without a rate always has room.
 */
function chargesOf(rules: readonly ConsideredRule[]): Decision['charges'] {
  const rated = rules.map(({ policy, rule }) => ratedRuleOf(policy.name, rule))
  const counted = rated.filter((one): one is RatedRule => one !== undefined)
  if (rules.some(({ rule }) => rule.action === 'require-approval')) return counted.map((one) => [one])
  return counted.length === rated.length && counted.length > 0 ? [counted] : []
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

/** The rule would open this, but not now: what it would have said is not what its author meant to say here. */
function byHindered(operation: Operation, held: ConsideredRule, reason: 'outside-hours' | 'rate-used-up'): Verdict {
  return { ...byRule(operation, held), action: 'deny', reason, message: undefined, hindrance: held.hindrance }
}

function withoutRule(operation: Operation, action: Action, reason: string): Verdict {
  return { operation, action, policy: undefined, rule: undefined, source: undefined, reason, message: undefined }
}

function reasonForNothing(considered: readonly ConsideredPolicy[]): string {
  if (considered.some(({ binding }) => binding.applies === 'maybe')) return 'groups-unknown'
  if (considered.some(({ binding }) => binding.applies === 'yes')) return 'no-rule-matched'
  return 'no-policy-bound'
}
