import type { Action, Caller, Operation } from '../call.ts'
import { type Binding, bindPolicy, type JudgedConnection } from './bindPolicy.ts'
import { matchesOperation } from './operationPattern.ts'
import type { Policy, PolicySet, Rule } from './policySet.ts'

/** A call as policy sees it: who, where, with which tool, and every operation that the tool's parser reported. */
export interface JudgedCall {
  readonly caller: Caller
  readonly connection: JudgedConnection
  readonly tool: string
  readonly operations: readonly Operation[]
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
}

export function considerPolicies(call: JudgedCall, { policies }: PolicySet): ConsideredPolicy[] {
  return policies.map((policy) => ({ policy, binding: bindPolicy(policy, call.caller, call.connection) }))
}

/** Holds every rule of the bound policies against one operation. Both `decide` and `explain` rest on this list. */
export function considerRules(
  operation: Operation,
  tool: string,
  considered: readonly ConsideredPolicy[],
): ConsideredRule[] {
  return considered.flatMap(({ policy, binding }) =>
    binding.applies === 'no'
      ? []
      : policy.rules.map((rule) => ({ policy, rule, ...hold(rule, operation, tool, binding) })),
  )
}

function hold(
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
