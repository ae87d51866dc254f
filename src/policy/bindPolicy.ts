import type { Caller } from '../call.ts'
import { sameCase } from '../settings/sameCase.ts'
import type { ConnectionSelector, Policy } from './policySet.ts'

/** The connection of a call, as far as policy looks at it. */
export interface JudgedConnection {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Whether a policy speaks about this caller on this connection. `maybe` is a caller whose groups are not known: it can
 * be denied by the policy, and never allowed or gated by it.
 */
export interface Binding {
  readonly applies: 'yes' | 'maybe' | 'no'
  readonly because: string
}

export function bindPolicy(policy: Policy, caller: Caller, connection: JudgedConnection): Binding {
  const connected = policy.connections.some((selector) => selects(selector, connection))
  if (!connected) return { applies: 'no', because: `it is not about connection ${connection.name}` }
  return bindCaller(policy, caller)
}

/** The caller's half of `bindPolicy`. */
function bindCaller({ subjects }: Policy, caller: Caller): Binding {
  if (subjects.kinds !== undefined && !subjects.kinds.includes(caller.kind)) {
    return { applies: 'no', because: `it is not for callers of kind ${caller.kind}` }
  }
  if (subjects.providers !== undefined && !subjects.providers.includes(caller.provider)) {
    return { applies: 'no', because: `it is not for callers from ${caller.provider}` }
  }
  if (subjects.anyone) return { applies: 'yes', because: `kind ${caller.kind}` }

  const role = subjects.roles.find((wanted) => caller.roles.includes(wanted))
  if (role !== undefined) return { applies: 'yes', because: `app role ${role}` }
  if (subjects.apps.includes(sameCase(caller.app))) return { applies: 'yes', because: `app ${caller.app}` }
  const isCaller =
    subjects.callers.includes(sameCase(caller.key)) || subjects.callers.includes(sameCase(caller.subject))
  if (isCaller) return { applies: 'yes', because: 'this caller by name' }

  if (!caller.groups.known) {
    return subjects.groups.length > 0
      ? { applies: 'maybe', because: `the caller's groups are not known (${caller.groups.why})` }
      : { applies: 'no', because: 'the caller is none of its subjects' }
  }
  const ids = new Set(caller.groups.ids.map(sameCase))
  const group = subjects.groups.find(({ id }) => ids.has(id))
  return group === undefined
    ? { applies: 'no', because: 'the caller is none of its subjects' }
    : { applies: 'yes', because: `group ${group.alias}` }
}

export function selects(selector: ConnectionSelector, connection: JudgedConnection): boolean {
  if ('name' in selector) return selector.name === connection.name
  return Object.entries(selector.labels).every(
    ([label, value]) => Object.hasOwn(connection.labels, label) && connection.labels[label] === value,
  )
}
