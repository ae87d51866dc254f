import type { ParsedArgs } from './args/parseArgs.ts'
import { readTargets } from './args/readTargets.ts'
import { refuse } from './args/refuse.ts'
import { readFieldSelector, readSelector } from './args/selector.ts'
import type { Resource } from './cluster/discovery.ts'
import type { Planning } from './plan.ts'
import type { KubernetesConnection } from './settings.ts'

/** Objects that a call names: of one type, in one namespace or all, by names or by what they have. */
export interface Target {
  readonly resource: Resource
  /** Undefined: every namespace, or a type that has none. */
  readonly namespace: string | undefined
  /** Empty: all that the selectors leave. */
  readonly names: readonly string[]
  readonly selector: string | undefined
  readonly fieldSelector: string | undefined
}

export function textFlag({ flags }: ParsedArgs, name: string): string | undefined {
  const value = flags.get(name)
  return typeof value === 'string' ? value : undefined
}

export function countFlag(args: ParsedArgs, name: string): number | undefined {
  const text = textFlag(args, name)
  return text === undefined ? undefined : Number(text)
}

/** The namespace of a call: the one that it names, or that of the connection; undefined for all. */
export function namespaceOf(args: ParsedArgs, settings: Pick<KubernetesConnection, 'namespace'>): string | undefined {
  const named = textFlag(args, 'namespace')
  if (!args.flags.has('all-namespaces')) return named ?? settings.namespace
  return named === undefined ? undefined : refuse('Name one namespace, or -A, not both.')
}

/** The targets of a verb, every type looked up at the server. */
export async function resolveTargets(
  { args, settings, cluster, signal }: Planning,
  words: readonly string[] = args.positionals,
): Promise<readonly Target[]> {
  const written = readTargets(words)
  const namespace = namespaceOf(args, settings)
  const label = textFlag(args, 'selector')
  const field = textFlag(args, 'field-selector')
  const selector = label === undefined ? undefined : readSelector(label)
  const fieldSelector = field === undefined ? undefined : readFieldSelector(field)
  const targets: Target[] = []
  for (const { type, names } of written) {
    if (names.length > 0 && (selector !== undefined || fieldSelector !== undefined)) {
      refuse('Name objects, or select them, not both.')
    }
    const resource = await cluster.findType(type, signal)
    if (names.length > 0 && resource.namespaced && namespace === undefined) {
      refuse('An object has one namespace: a name does not go with -A.')
    }
    if (targets.some((known) => known.resource.name === resource.name && known.resource.group === resource.group)) {
      refuse(`${resource.name} are named twice.`)
    }
    targets.push({ resource, namespace: resource.namespaced ? namespace : undefined, names, selector, fieldSelector })
  }
  return targets
}
