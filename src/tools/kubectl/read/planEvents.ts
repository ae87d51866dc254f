import type { Json } from '../../../call.ts'
import { checkName } from '../args/readTargets.ts'
import { refuse } from '../args/refuse.ts'
import { textAt } from '../cluster/apiObject.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf, textTable } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { namespaceOf, textFlag } from '../scope.ts'
import { readObjects } from './readObjects.ts'

export const CORE_EVENTS = {
  ...{ group: '', version: 'v1', name: 'events', kind: 'Event', singular: 'event', namespaced: true },
  ...{ shortNames: [], verbs: [], subresources: [] },
}

/** events: what happened lately, the latest last; of one object with --for. */
export async function planEvents(planning: Planning): Promise<Plan> {
  const { args, settings, cluster, signal, hider } = planning
  if (args.positionals.length > 0) refuse('events takes flags only: --for TYPE/NAME.')
  const namespace = namespaceOf(args, settings)
  const requirements: string[] = []
  const about = textFlag(args, 'for')
  if (about !== undefined) {
    const [type = '', name = ''] = about.split('/')
    checkName(name)
    const { kind } = await cluster.findType(type, signal)
    requirements.push(`involvedObject.kind=${kind}`, `involvedObject.name=${name}`)
  }
  const type = textFlag(args, 'types')
  if (type !== undefined) requirements.push(`type=${type}`)
  const fieldSelector = requirements.length === 0 ? undefined : requirements.join(',')
  const target = { resource: CORE_EVENTS, namespace, names: [], selector: undefined, fieldSelector }
  return readPlan([operationOf('events', target)], async (run) => {
    const { objects, hasMore } = await readObjects(cluster, target, settings.limits.maxObjects, run.signal)
    const rows = objects
      .map((event) => [...describeEvent(hider.hide(event, CORE_EVENTS)), textAt(event, 'metadata', 'namespace') ?? ''])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0))
    const names = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE', 'NAMESPACE']
    const isAll = namespace === undefined
    return outputOf(planning, 'events', {
      table: textTable(isAll ? names : names.slice(0, 5), isAll ? rows : rows.map((row) => row.slice(0, 5))),
      truncated: hasMore,
    })
  })
}

/** When it was last seen, type, reason, object, message. */
export function describeEvent(event: Json): readonly string[] {
  const at =
    textAt(event, 'lastTimestamp') ?? textAt(event, 'eventTime') ?? textAt(event, 'metadata', 'creationTimestamp')
  const kind = (textAt(event, 'involvedObject', 'kind') ?? '').toLowerCase()
  const message = (textAt(event, 'message') ?? textAt(event, 'note') ?? '').trim()
  return [
    at ?? '',
    textAt(event, 'type') ?? '',
    textAt(event, 'reason') ?? '',
    `${kind}/${textAt(event, 'involvedObject', 'name') ?? ''}`,
    message,
  ]
}
