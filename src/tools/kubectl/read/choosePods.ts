import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { readOneTarget } from '../args/readTargets.ts'
import { refuse } from '../args/refuse.ts'
import { readSelector } from '../args/selector.ts'
import { listAt, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'
import type { Resource } from '../cluster/discovery.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import type { Planning } from '../plan.ts'
import { namespaceOf, textFlag } from '../scope.ts'
import { nameOf, readObjects } from './readObjects.ts'

/** Logs of more are read one by one. */
const MAX_PODS = 10

/** Pods that a call means, chosen when it is judged. */
export interface ChosenPods {
  readonly resource: Resource
  readonly namespace: string
  readonly names: readonly string[]
  readonly selector: string | undefined
  /** Why there are none: said when the call runs, so that who may not run it learns nothing. */
  readonly problem: unknown
}

/** `web-1`, `pod/web-1`, a workload such as `deployment/web` (one of its pods), or `-l app=web` (all, at most ten). */
export async function choosePods(planning: Planning, words = planning.args.positionals): Promise<ChosenPods> {
  const { args, settings, cluster, signal } = planning
  const namespace = namespaceOf(args, settings) ?? refuse('Name one namespace.')
  const resource = await cluster.findType('pods', signal)
  const written = textFlag(args, 'selector')
  const chosen = { resource, namespace, selector: written === undefined ? undefined : readSelector(written) }
  const list = async (selector: string) => {
    const target = { resource, namespace, names: [], selector, fieldSelector: undefined }
    return (await readObjects(cluster, target, MAX_PODS + 1, signal)).objects
  }
  if (chosen.selector !== undefined) {
    if (words.length > 0) refuse('Name a pod, or select pods, not both.')
    return orProblem(chosen, async () => {
      const names = (await list(chosen.selector ?? '')).map(nameOf).sort()
      if (names.length > MAX_PODS) absent(`The selector means more than ${MAX_PODS} pods.`)
      return names.length > 0 ? names : absent('No pod has these labels.')
    })
  }
  const [word = '', ...rest] = words
  const { type, name } =
    rest.length === 0 && word !== '' && !word.includes('/')
      ? readOneTarget(['pods', word], args.verb)
      : readOneTarget(words, args.verb)
  const owner = await cluster.findType(type, signal)
  if (owner.group === '' && owner.name === 'pods') return { ...chosen, names: [name], problem: undefined }
  return orProblem(chosen, async () => {
    const path = resourcePath(owner, namespace, name)
    const workload = await cluster.ask({ method: 'GET', path, about: owner.name }, signal)
    const pods = await list(selectorOf(workload))
    const running = pods.find((pod) => textAt(pod, 'status', 'phase') === 'Running') ?? pods[0]
    return running === undefined ? absent('It has no pods.') : [nameOf(running)]
  })
}

async function orProblem(
  chosen: Omit<ChosenPods, 'names' | 'problem'>,
  choose: () => Promise<readonly string[]>,
): Promise<ChosenPods> {
  try {
    return { ...chosen, names: await choose(), problem: undefined }
  } catch (problem) {
    return { ...chosen, names: [], problem }
  }
}

function selectorOf(workload: Json): string {
  const selector = objectAt(workload, 'spec', 'selector')
  const labels =
    valueAt(selector, 'matchLabels') === undefined && valueAt(selector, 'matchExpressions') === undefined
      ? selector
      : objectAt(selector, 'matchLabels')
  const parts = [
    ...Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`),
    ...listAt(selector, 'matchExpressions').map((each) => {
      const [key, operator] = [textAt(each, 'key') ?? '', textAt(each, 'operator') ?? '']
      if (operator === 'Exists') return key
      if (operator === 'DoesNotExist') return `!${key}`
      return `${key} ${operator.toLowerCase()} (${listAt(each, 'values').join(',')})`
    }),
  ]
  return parts.length === 0 ? absent('It selects no pods.') : readSelector(parts.join(','))
}

/** For whoever may do it: what the cluster has, not what was written. */
export function absent(detail: string): never {
  throw new GateError('ERR_KUBECTL_FAILED', { detail, facts: { status: 404 } })
}
