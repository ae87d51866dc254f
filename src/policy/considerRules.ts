import type { Caller, Operation } from '../call.ts'
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

/** A rule of a policy that applies, held against one operation. `mismatch` says why it does not match. */
export interface ConsideredRule {
  readonly policy: Policy
  readonly rule: Rule
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
      : policy.rules.map((rule) => ({ policy, rule, mismatch: mismatchOf(rule, operation, tool, binding) })),
  )
}

function mismatchOf(rule: Rule, operation: Operation, tool: string, binding: Binding): string | undefined {
  if (rule.operations?.some((pattern) => matchesOperation(pattern, operation.operation)) === false) {
    return `names ${rule.operations.join(', ')}`
  }
  const conditions = rule.conditions.get(tool)
  if (conditions === undefined) return `is not about ${tool}`
  for (const { key, wanted, matches } of conditions) {
    const fact = Object.hasOwn(operation.facts, key) ? operation.facts[key] : undefined
    if (!matches(wanted, fact, rule.action)) {
      return `${key}: wants ${JSON.stringify(wanted)}, the call has ${JSON.stringify(fact ?? null)}`
    }
  }
  // Last, so that `explain` can say that membership is the only thing in the way.
  if (binding.applies === 'maybe' && rule.action !== 'deny') return binding.because
  return undefined
}
