import type { Json } from '../../../call.ts'
import { refuse } from '../args/refuse.ts'
import { listAt, textAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { renderYaml } from '../hide/renderYaml.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { resolveTargets } from '../scope.ts'
import { CORE_EVENTS, describeEvent } from './planEvents.ts'
import { readObjects } from './readObjects.ts'

/** Each costs a request for its events. */
const MAX_DESCRIBED = 20
const MAX_EVENTS = 50

/** describe: the whole object as YAML, and its latest events. */
export async function planDescribe(planning: Planning): Promise<Plan> {
  const targets = await resolveTargets(planning)
  const named = targets.reduce((sum, { names }) => sum + names.length, 0)
  if (named > MAX_DESCRIBED) refuse(`Describe at most ${MAX_DESCRIBED} objects.`)
  const operations = targets.map((target) => operationOf('describe', target))
  return readPlan(operations, async ({ signal }) => {
    const { cluster, hider } = planning
    const shown: Json[] = []
    let truncated = false
    for (const target of targets) {
      const found = await readObjects(cluster, target, MAX_DESCRIBED, signal)
      truncated ||= found.hasMore
      for (const object of found.objects) {
        const events = await eventsOf(planning, object, signal)
        shown.push({ ...(hider.hide(object, target.resource) as object), events })
      }
    }
    const render = (value: Json) => (Array.isArray(value) ? value.map(renderYaml).join('---\n') : renderYaml(value))
    return outputOf(planning, 'describe', { document: { name: 'output', value: shown, hidden: [], render }, truncated })
  })
}

async function eventsOf({ cluster, hider }: Planning, object: Json, signal: AbortSignal): Promise<readonly Json[]> {
  const uid = textAt(object, 'metadata', 'uid') ?? ''
  // Events about nothing are there in every namespace.
  if (uid === '') return []
  const list = await cluster.ask(
    {
      method: 'GET',
      path: resourcePath(CORE_EVENTS, textAt(object, 'metadata', 'namespace')),
      query: { fieldSelector: `involvedObject.uid=${uid}`, limit: String(MAX_EVENTS) },
      about: 'events',
    },
    signal,
  )
  return listAt(list, 'items').map((event) => {
    const [at, type, reason, , message] = describeEvent(hider.hide(event, CORE_EVENTS))
    return { at: at ?? '', type: type ?? '', reason: reason ?? '', message: message ?? '' }
  })
}
