import type { Action, Caller } from '../call.ts'
import { bindPolicy, type JudgedConnection } from './bindPolicy.ts'
import { describeCircumstances, strangerTo } from './circumstances.ts'
import { isStricterAction, strictest } from './decide.ts'
import { coversPattern } from './operationPattern.ts'
import type { PolicySet, Rule } from './policySet.ts'
import type { JudgedTool } from './settings.ts'

/** A connection that this caller may do something on, and what. For `tools/list` and `list_connections`. */
export interface ReachableConnection {
  readonly connection: string
  readonly type: string
  readonly labels: Readonly<Record<string, string>>
  readonly tools: readonly { readonly tool: string; readonly operations: readonly ReachableOperation[] }[]
}

interface ReachableOperation {
  /** A name or a glob over a family. */
  readonly operation: string
  readonly action: 'allow' | 'require-approval'
  /** What else the rule asks for (`tables`, `where`, ...); undefined when nothing. */
  readonly when: Readonly<Record<string, unknown>> | undefined
}

interface KnownConnection extends JudgedConnection {
  readonly type: string
}

/**
 * What this caller could ever be allowed, with or without approval. It shows, it does not enforce: a call is still
 * decided on its own, and facts (another table, the hour, a deny rule with conditions) may turn it down.
 */
export function reachable(
  caller: Caller,
  connections: readonly KnownConnection[],
  tools: readonly JudgedTool[],
  policies: PolicySet,
): ReachableConnection[] {
  return connections.flatMap((connection) => {
    const rules = rulesAbout(caller, connection, policies)
    const open = tools
      .filter(({ connectionType }) => connectionType === connection.type)
      .map(({ name }) => ({ tool: name, operations: openOperations(name, rules) }))
      .filter(({ operations }) => operations.length > 0)
    const { name, type, labels } = connection
    return open.length === 0 ? [] : [{ connection: name, type, labels, tools: open }]
  })
}

/** Whether `reachable` would name the connection, with the tool. */
export function isReachable(
  caller: Caller,
  connection: KnownConnection,
  { name, connectionType }: JudgedTool,
  policies: PolicySet,
): boolean {
  if (connectionType !== connection.type) return false
  const speaking = rulesOf(name, rulesAbout(caller, connection, policies))
  return speaking.some((rule) =>
    rule.operations?.some((operation) => promised(rule, operation, name, speaking) !== 'deny'),
  )
}

function rulesAbout(caller: Caller, connection: KnownConnection, { policies }: PolicySet): readonly Rule[] {
  return policies.flatMap((policy) => {
    const { applies } = bindPolicy(policy, caller, connection)
    if (applies === 'no') return []
    // Unknown groups: what denies may apply, what opens does not.
    return policy.rules.filter(
      ({ action, circumstances }) =>
        (applies === 'yes' || action === 'deny') && strangerTo(circumstances, caller, connection) === undefined,
    )
  })
}

function rulesOf(tool: string, rules: readonly Rule[]): readonly Rule[] {
  return rules.filter(({ conditions }) => conditions.has(tool))
}

function openOperations(tool: string, rules: readonly Rule[]): ReachableOperation[] {
  const speaking = rulesOf(tool, rules)
  const found = new Map<string, ReachableOperation>()
  for (const rule of speaking) {
    for (const operation of rule.operations ?? []) {
      const action = promised(rule, operation, tool, speaking)
      if (action === 'deny') continue
      const conditions = rule.conditions.get(tool) ?? []
      const { during, atMost } = describeCircumstances(rule.circumstances)
      const asked = {
        ...Object.fromEntries(conditions.map(({ key, wanted }) => [key, wanted])),
        ...(during && { during }),
        ...(atMost && { atMost }),
      }
      const when = Object.keys(asked).length === 0 ? undefined : asked
      const id = JSON.stringify([operation, when ?? null])
      const other = found.get(id)
      if (other === undefined || isStricterAction(action, other.action)) found.set(id, { operation, action, when })
    }
  }
  return [...found.values()]
}

/** What a rule says about an operation. Rules without conditions win wherever they name it; the others only sometimes. */
function promised(rule: Rule, operation: string, tool: string, speaking: readonly Rule[]): Action {
  return strictest([rule.action, ...alwaysSaid(operation, tool, speaking)])
}

function alwaysSaid(operation: string, tool: string, rules: readonly Rule[]) {
  return rules
    .filter(({ conditions, circumstances }) => conditions.get(tool)?.length === 0 && circumstances.during === undefined)
    .filter(({ operations }) => operations?.some((wide) => coversPattern(wide, operation)) !== false)
    .map(({ action }) => action)
}
