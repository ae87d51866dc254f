import type { Action, Caller, Operation, RatedRule } from '../call.ts'
import { type Binding, bindPolicy, type JudgedConnection } from './bindPolicy.ts'
import { hindranceOf, type Moment, ruleKey } from './circumstances.ts'
import { matchesOperation } from './operationPattern.ts'
import type { Policy, PolicySet, Rule } from './policySet.ts'

/** A call as policy sees it: who, where, with which tool, and every operation that the tool's parser reported. */
export interface JudgedCall {
  readonly caller: Caller
  readonly connection: JudgedConnection
  readonly tool: string
  readonly operations: readonly Operation[]
  readonly moment: Moment
}

/** A policy and what it has to do with the call. */
export interface ConsideredPolicy {
  readonly policy: Policy
  readonly binding: Binding
}

/**
 * A rule of a policy that applies, held against one operation.
 *
 * `covers`: the rule speaks about all of it, and can open it. `touches`: about some of it; that is enough for a deny
 * rule, and for a gate over what another rule allows, because a query that joins a gated table with an open one must
 * not slip past the gate. `no`: `mismatch` says why.
 */
export interface ConsideredRule {
  readonly policy: Policy
  readonly rule: Rule
  readonly match: 'covers' | 'touches' | 'no'
  readonly mismatch: string | undefined
  /** It speaks about the operation, and only its hours or its rate are in the way; what there is to say about that. */
  readonly hindrance: string | undefined
  /** Beyond its rate. An allow rule then does not match; a gate matches still, and denies what it would have gated. */
  readonly usedUp: boolean
}

export function considerPolicies(call: JudgedCall, { policies }: PolicySet): ConsideredPolicy[] {
  return policies.map((policy) => ({ policy, binding: bindPolicy(policy, call.caller, call.connection) }))
}

/** Holds every rule of the bound policies against one operation. Both `decide` and `explain` rest on this list. */
export function considerRules(
  operation: Operation,
  call: JudgedCall,
  considered: readonly ConsideredPolicy[],
): ConsideredRule[] {
  return considered.flatMap(({ policy, binding }) =>
    binding.applies === 'no' ? [] : policy.rules.map((rule) => hold(policy, rule, operation, call, binding)),
  )
}

function hold(policy: Policy, rule: Rule, operation: Operation, call: JudgedCall, binding: Binding): ConsideredRule {
  const { match, mismatch } = holdWords(rule, operation, call.tool, binding)
  if (match === 'no') return { policy, rule, match, mismatch, hindrance: undefined, usedUp: false }
  const hindered = hindranceOf(rule.circumstances, call.caller, call.connection, call.moment.now)
  if (hindered !== undefined) {
    const { because, closed } = hindered
    return { policy, rule, match: 'no', mismatch: because, hindrance: closed && because, usedUp: false }
  }
  const used = usedUpSentence(policy, rule, call.moment)
  if (used === undefined) return { policy, rule, match, mismatch, hindrance: undefined, usedUp: false }
  const stands = rule.action === 'require-approval'
  const still = { match: stands ? match : 'no', mismatch: stands ? undefined : used } as const
  return { policy, rule, ...still, hindrance: used, usedUp: true }
}

/** The rule with its rate, when it has one. */
export function ratedRuleOf(policy: string, { name, circumstances }: Rule): RatedRule | undefined {
  const { atMost } = circumstances
  return atMost && { policy, rule: name, limit: atMost.limit, windowMs: atMost.windowMs }
}

function usedUpSentence(policy: Policy, rule: Rule, { used }: Moment): string | undefined {
  const rated = ratedRuleOf(policy.name, rule)
  if (rated === undefined || (used.get(ruleKey(rated)) ?? Number.POSITIVE_INFINITY) < rated.limit) return undefined
  return `is used up: at most ${rule.circumstances.atMost?.text} for each caller`
}

function holdWords(
  rule: Rule,
  operation: Operation,
  tool: string,
  binding: Binding,
): Pick<ConsideredRule, 'match' | 'mismatch'> {
  const mismatch = mismatchOf(rule, operation, tool, rule.action)
  if (mismatch !== undefined) {
    const touched = rule.action === 'require-approval' && mismatchOf(rule, operation, tool, 'deny') === undefined
    if (!touched || binding.applies === 'maybe') return { match: 'no', mismatch }
    return { match: 'touches', mismatch: undefined }
  }
  if (rule.action === 'deny') return { match: 'touches', mismatch }
  // Last, so that `explain` can say that membership is the only thing in the way.
  return binding.applies === 'maybe' ? { match: 'no', mismatch: binding.because } : { match: 'covers', mismatch }
}

/** `as` is the question to the tool: a deny rule asks whether the operation touches any of it, the others about all. */
function mismatchOf(rule: Rule, operation: Operation, tool: string, as: Action): string | undefined {
  if (rule.operations?.some((pattern) => matchesOperation(pattern, operation.operation)) === false) {
    return `names ${rule.operations.join(', ')}`
  }
  const conditions = rule.conditions.get(tool)
  if (conditions === undefined) return `is not about ${tool}`
  for (const { key, wanted, matches } of conditions) {
    const fact = Object.hasOwn(operation.facts, key) ? operation.facts[key] : undefined
    if (!matches(wanted, fact, as)) {
      return `${key}: wants ${JSON.stringify(wanted)}, the call has ${JSON.stringify(fact ?? null)}`
    }
  }
  return undefined
}
