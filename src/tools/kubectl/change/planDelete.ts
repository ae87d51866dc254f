import { refuse } from '../args/refuse.ts'
import { type Resource, resourceName } from '../cluster/discovery.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import type { Consequence } from '../judge/consequence.ts'
import type { Plan, Planning } from '../plan.ts'
import { countFlag, resolveTargets, textFlag } from '../scope.ts'
import type { Change } from './change.ts'
import { emptyPlan, expandTargets, impossiblePlan, isAboutCluster } from './expandTargets.ts'
import { readLive } from './judgeChanges.ts'
import { uidOf } from './objectState.ts'
import { planChanges } from './planChanges.ts'

/** Types whose deletion takes everything with it that is in them, or of them. */
const CASCADES: Readonly<Record<string, string>> = {
  namespaces: 'deletes everything in the namespace',
  'apiextensions.k8s.io/customresourcedefinitions': 'deletes every object of the type',
}

/** delete: every object by its name and unique id, one after the other, never as a collection. */
export async function planDelete(planning: Planning): Promise<Plan> {
  const { args, cluster, signal } = planning
  const targets = await resolveTargets(planning)
  const cascade = textFlag(args, 'cascade') ?? 'background'
  const gracePeriod = args.flags.has('now') ? 1 : countFlag(args, 'grace-period')
  if (args.flags.has('now') && args.flags.has('grace-period')) refuse('Say --now, or --grace-period, not both.')
  const policy = `${cascade[0]?.toUpperCase()}${cascade.slice(1)}`
  const ignoresMissing = args.flags.has('ignore-not-found')
  try {
    const changes: Change[] = []
    for (const { resource, namespace, names, selector } of await expandTargets(targets, planning)) {
      for (const name of names) {
        const target = { resource, namespace, name }
        if (ignoresMissing && (await readLive(target, cluster, signal)) === undefined) continue
        changes.push({
          ...{ verb: 'delete', ...target, selector },
          wants: 'existing',
          intent: { policy, gracePeriod: gracePeriod ?? null },
          wanted: undefined,
          extra: cascadesOf(resource, cascade),
          request: (live) => ({
            method: 'DELETE',
            path: resourcePath(resource, namespace, name),
            body: {
              ...{ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: policy },
              ...(gracePeriod !== undefined && { gracePeriodSeconds: gracePeriod }),
              preconditions: { uid: uidOf(live) },
            },
            about: resource.name,
          }),
        })
      }
    }
    if (changes.length === 0) return emptyPlan('delete', targets, planning)
    return await planChanges(changes, planning)
  } catch (error) {
    if (!isAboutCluster(error)) throw error
    return impossiblePlan('delete', targets, error)
  }
}

function cascadesOf(resource: Resource, cascade: string): readonly Consequence[] {
  const because = CASCADES[resourceName(resource)]
  return [
    ...(because === undefined ? [] : [{ operation: `cascade:${resource.name}`, because }]),
    ...(cascade === 'orphan'
      ? [{ operation: 'cascade:orphan', because: 'leaves what belongs to it without an owner' }]
      : []),
  ]
}
