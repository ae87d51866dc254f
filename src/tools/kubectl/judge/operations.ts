import type { Fact, Operation } from '../../../call.ts'
import { type Resource, resourceNames } from '../cluster/discovery.ts'
import type { Consequence } from './consequence.ts'

/** What one operation is about. */
export interface About {
  readonly resource: Pick<Resource, 'group' | 'name' | 'namespaced'>
  readonly namespace: string | undefined
  /** Empty: all objects, or all that the selector leaves. */
  readonly names: readonly string[]
  readonly subresource?: string
  readonly selector?: string | undefined
  readonly command?: readonly string[]
  readonly action?: string
}

/** Objects of a type that has no namespaces. No namespace can be called that. */
const CLUSTER_SCOPED = '(cluster)'
/** All of them: never matched by a rule that names some. */
export const ALL = '*'

/** The verb as an operation, with everything a rule can name. */
export function operationOf(verb: string, about: About, isWrite = false): Operation {
  const { selector, command, action } = about
  return {
    operation: verb,
    otherwise: 'deny',
    facts: {
      verb,
      ...placeOf(about, isWrite),
      subresource: about.subresource ?? '',
      ...(selector !== undefined && { selector }),
      ...(command !== undefined && { command }),
      ...(action !== undefined && { action }),
    },
  }
}

/** A consequence as an operation: a person may judge it. It has no verb, so a rule about verbs does not open it. */
export function consequenceOperation({ operation, because }: Consequence, about: About): Operation {
  return { operation, otherwise: 'require-approval', because, facts: placeOf(about, true) }
}

function placeOf({ resource, namespace, names }: About, isWrite: boolean): Record<string, Fact> {
  const named = resourceNames(resource)
  const [own = ''] = named
  return {
    resource: named.length === 1 ? own : named,
    namespace: resource.namespaced ? [namespace ?? ALL] : clusterScope(resource, names, isWrite),
    name: names.length === 0 ? [ALL] : names,
  }
}

/** To change a namespace is to touch what is in it: a rule that protects it holds, one that opens it does not cover this. */
function clusterScope(
  { name, group }: About['resource'],
  names: readonly string[],
  isWrite: boolean,
): readonly string[] {
  if (!isWrite || group !== '' || name !== 'namespaces') return [CLUSTER_SCOPED]
  return [CLUSTER_SCOPED, ...(names.length === 0 ? [ALL] : names)]
}
