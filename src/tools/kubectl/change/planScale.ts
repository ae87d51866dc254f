import { GateError } from '../../../errors.ts'
import { refuse } from '../args/refuse.ts'
import { valueAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import type { Plan, Planning } from '../plan.ts'
import { countFlag, resolveTargets } from '../scope.ts'
import type { Change } from './change.ts'
import { versionOf } from './objectState.ts'
import { planChanges } from './planChanges.ts'

/** scale: the number of replicas, through the subresource that changes nothing else. */
export async function planScale(planning: Planning): Promise<Plan> {
  const { args } = planning
  const replicas = countFlag(args, 'replicas') ?? refuse('scale needs --replicas.')
  const current = countFlag(args, 'current-replicas')
  const targets = await resolveTargets(planning)
  const changes = targets.flatMap(({ resource, namespace, names }) => {
    if (names.length === 0) refuse('scale takes names.')
    if (!resource.subresources.includes('scale')) refuse(`${resource.name} cannot be scaled.`)
    return names.map(
      (name): Change => ({
        ...{ verb: 'scale', resource, namespace, name, subresource: 'scale' },
        wants: 'existing',
        intent: { replicas, current: current ?? null },
        wanted: undefined,
        request(live) {
          const now = valueAt(live, 'spec', 'replicas')
          if (current !== undefined && now !== current) {
            throw new GateError('ERR_KUBECTL_FAILED', { detail: `It has ${String(now)} replicas, not ${current}.` })
          }
          return {
            method: 'PATCH',
            path: resourcePath(resource, namespace, name, 'scale'),
            query: { fieldManager: 'countersign' },
            body: { metadata: { resourceVersion: versionOf(live) }, spec: { replicas } },
            contentType: 'application/merge-patch+json',
            about: resource.name,
          }
        },
      }),
    )
  })
  return planChanges(changes, planning)
}
