import { GateError } from '../../../errors.ts'
import { refuse } from '../args/refuse.ts'
import { listAt, textAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf, textTable } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { resolveTargets } from '../scope.ts'
import { listQuery } from './readObjects.ts'

/** top: processor and memory in use of pods or nodes, from the metrics API, which not every cluster has. */
export async function planTop(planning: Planning): Promise<Plan> {
  const { cluster, settings } = planning
  const [target, other] = await resolveTargets(planning)
  const name = target?.resource.name
  if (
    target === undefined ||
    other !== undefined ||
    target.resource.group !== '' ||
    (name !== 'pods' && name !== 'nodes')
  ) {
    refuse('top takes pods or nodes.')
  }
  const metrics = { group: 'metrics.k8s.io', version: 'v1beta1', name }
  const [only, second] = target.names
  if (second !== undefined) refuse('top takes one name, or none.')
  return readPlan([operationOf('top', target)], async ({ signal }) => {
    const path = resourcePath(metrics, target.namespace, ...(only === undefined ? [] : [only]))
    const query = only === undefined ? listQuery(target, settings.limits.maxObjects) : {}
    const answer = await cluster
      .ask({ method: 'GET', path, query, about: 'metrics' }, signal)
      .catch((error: unknown) => {
        const isAbsent = error instanceof GateError && [404, 503].includes(Number(error.facts.status))
        if (!isAbsent) throw error
        const detail = `The metrics API has nothing of that: the cluster has no metrics server, or it has not seen the ${name} yet.`
        throw new GateError('ERR_KUBECTL_FAILED', { detail, cause: error })
      })
    const items = only === undefined ? listAt(answer, 'items') : [answer]
    const rows = items.slice(0, settings.limits.maxObjects).map((item) => {
      const usages = name === 'pods' ? listAt(item, 'containers') : [item]
      const each = (what: string) => usages.map((usage) => textAt(usage, 'usage', what) ?? '').join(' + ')
      return [
        textAt(item, 'metadata', 'namespace') ?? '',
        textAt(item, 'metadata', 'name') ?? '',
        each('cpu'),
        each('memory'),
      ]
    })
    return outputOf(planning, 'top', {
      table: textTable(['NAMESPACE', 'NAME', 'CPU', 'MEMORY'], rows),
      truncated: items.length > settings.limits.maxObjects,
    })
  })
}
