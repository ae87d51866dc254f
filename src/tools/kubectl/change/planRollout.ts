import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { readTargets } from '../args/readTargets.ts'
import { refuse } from '../args/refuse.ts'
import { type ApiObject, type JsonObject, listAt, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'
import { type Resource, resourceName } from '../cluster/discovery.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf, textTable } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { nameOf, readObjects } from '../read/readObjects.ts'
import { countFlag, namespaceOf, type Target } from '../scope.ts'
import type { Change } from './change.ts'
import { expandTargets, impossiblePlan, isAboutCluster } from './expandTargets.ts'
import { readLive } from './judgeChanges.ts'
import { stateOf, uidOf } from './objectState.ts'
import { pinned, pinnedOperations } from './pin.ts'
import { planChanges } from './planChanges.ts'

const KINDS: ReadonlySet<string> = new Set(['apps/deployments', 'apps/statefulsets', 'apps/daemonsets'])
const REVISION = 'deployment.kubernetes.io/revision'

/** rollout status and history only read, and are judged as the reads they are; restart and undo change the workload. */
export async function planRollout(planning: Planning): Promise<Plan> {
  const [action = '', ...words] = planning.args.positionals
  if (!['status', 'history', 'restart', 'undo'].includes(action))
    refuse('rollout takes status, history, restart or undo.')
  if (action !== 'undo' && planning.args.flags.has('to-revision')) refuse('--to-revision belongs to undo.')
  const targets = await readWorkloads(planning, words)
  switch (action) {
    case 'status':
      return planStatus(planning, targets)
    case 'history':
      return planHistory(planning, targets)
    case 'restart':
      return planRestart(planning, targets)
    default:
      return planUndo(planning, targets)
  }
}

async function readWorkloads(
  { args, settings, cluster, signal }: Planning,
  words: readonly string[],
): Promise<readonly Target[]> {
  const targets: Target[] = []
  for (const { type, names } of readTargets(words)) {
    const resource = await cluster.findType(type, signal)
    if (!KINDS.has(resourceName(resource))) refuse(`${resource.name} are not rolled out.`)
    if (names.length === 0) refuse('rollout takes names.')
    targets.push({
      resource,
      namespace: namespaceOf(args, settings),
      names,
      selector: undefined,
      fieldSelector: undefined,
    })
  }
  return targets
}

function planStatus(planning: Planning, targets: readonly Target[]): Plan {
  const operations = targets.map((target) => operationOf('get', target))
  return readPlan(operations, async ({ signal }) => {
    const rows: string[][] = []
    for (const target of targets) {
      const { objects } = await readObjects(planning.cluster, target, 1, signal)
      rows.push(...objects.map((object) => [`${target.resource.singular}/${nameOf(object)}`, wordStatus(object)]))
    }
    return outputOf(planning, 'rollout status', { table: textTable(['OBJECT', 'STATUS'], rows) })
  })
}

function wordStatus(object: ApiObject): string {
  const count = (...path: string[]) => Number(valueAt(object, ...path) ?? 0)
  const wanted = Number(valueAt(object, 'spec', 'replicas') ?? valueAt(object, 'status', 'desiredNumberScheduled') ?? 1)
  if (count('status', 'observedGeneration') < count('metadata', 'generation'))
    return 'waiting for the change to be observed'
  const updated = count('status', 'updatedReplicas') || count('status', 'updatedNumberScheduled')
  if (updated < wanted) return `${updated} of ${wanted} replicas are updated`
  const ready =
    count('status', 'availableReplicas') || count('status', 'readyReplicas') || count('status', 'numberAvailable')
  return ready < wanted ? `${ready} of ${wanted} updated replicas are available` : 'successfully rolled out'
}

/** Revisions of a workload: replica sets of a deployment, controller revisions of the others. */
function revisionsOf({ resource, namespace }: Target, planning: Planning): Target {
  const ofDeployment = resource.name === 'deployments'
  const type: Resource = {
    ...{ group: 'apps', version: 'v1', namespaced: true, shortNames: [], verbs: [], subresources: [] },
    ...(ofDeployment
      ? { name: 'replicasets', kind: 'ReplicaSet', singular: 'replicaset' }
      : { name: 'controllerrevisions', kind: 'ControllerRevision', singular: 'controllerrevision' }),
  }
  return {
    resource: type,
    namespace: namespace ?? planning.settings.namespace,
    names: [],
    selector: undefined,
    fieldSelector: undefined,
  }
}

const MAX_REVISIONS = 500

async function readRevisions(
  target: Target,
  owner: ApiObject,
  planning: Planning,
  signal: AbortSignal,
): Promise<readonly Revision[]> {
  const { objects } = await readObjects(planning.cluster, revisionsOf(target, planning), MAX_REVISIONS, signal)
  return objects
    .filter((object) =>
      listAt(object, 'metadata', 'ownerReferences').some((each) => textAt(each, 'uid') === uidOf(owner)),
    )
    .map((object) => ({
      object,
      number: Number(valueAt(object, 'revision') ?? textAt(object, 'metadata', 'annotations', REVISION) ?? 0),
      cause: textAt(object, 'metadata', 'annotations', 'kubernetes.io/change-cause') ?? '',
    }))
    .sort((a, b) => a.number - b.number)
}

interface Revision {
  readonly object: ApiObject
  readonly number: number
  readonly cause: string
}

function planHistory(planning: Planning, targets: readonly Target[]): Plan {
  const operations = targets.flatMap((target) => [
    operationOf('get', target),
    operationOf('list', revisionsOf(target, planning)),
  ])
  return readPlan(operations, async ({ signal }) => {
    const rows: string[][] = []
    for (const target of targets) {
      const { objects } = await readObjects(planning.cluster, target, 1, signal)
      for (const owner of objects) {
        const revisions = await readRevisions(target, owner, planning, signal)
        rows.push(
          ...revisions.map(({ number, cause }) => [
            `${target.resource.singular}/${nameOf(owner)}`,
            String(number),
            cause,
          ]),
        )
      }
    }
    return outputOf(planning, 'rollout history', { table: textTable(['OBJECT', 'REVISION', 'CHANGE CAUSE'], rows) })
  })
}

function planRestart(planning: Planning, targets: readonly Target[]): Promise<Plan> {
  const stamp = () => new Date().toISOString()
  return planEach(planning, targets, 'restart', () => ({
    intent: null,
    build: (live) => pinned(templatePatch({ 'kubectl.kubernetes.io/restartedAt': stamp() }), live),
    contentType: 'application/strategic-merge-patch+json',
  }))
}

function templatePatch(annotations: JsonObject): JsonObject {
  return { spec: { template: { metadata: { annotations } } } }
}

/** undo: the pods of an older revision. What these may do counts as if somebody had written them anew. */
async function planUndo(planning: Planning, targets: readonly Target[]): Promise<Plan> {
  const { args, cluster, signal } = planning
  const wanted = countFlag(args, 'to-revision')
  const [target, other] = targets
  const [name, second] = target?.names ?? []
  if (target === undefined || other !== undefined || name === undefined || second !== undefined)
    refuse('undo takes one name.')
  try {
    const owner = await readLive({ ...target, name }, cluster, signal)
    if (owner === undefined) throw failed(`404 NotFound: ${target.resource.name} "${name}" not found`)
    const revisions = await readRevisions(target, owner, planning, signal)
    const chosen = wanted ? revisions.find(({ number }) => number === wanted) : revisions.at(-2)
    if (chosen === undefined) throw failed('It has no such revision; rollout history lists them.')
    const isDeployment = target.resource.name === 'deployments'
    return await planEach(planning, targets, 'undo', () => ({
      intent: { revision: chosen.number, pods: stateOf(podsOf(chosen.object)) },
      build: (live) =>
        isDeployment
          ? pinnedOperations([{ op: 'replace', path: '/spec/template', value: templateOf(chosen.object) }], live)
          : pinned(objectAt(chosen.object, 'data'), live),
      contentType: isDeployment ? 'application/json-patch+json' : 'application/strategic-merge-patch+json',
    }))
  } catch (error) {
    if (!isAboutCluster(error)) throw error
    return impossiblePlan('rollout', targets, error)
  }
}

/** What would come back: a replica set can be edited between an approval and its use. */
function podsOf(revision: ApiObject): ApiObject {
  const { spec, data } = revision
  return { metadata: { uid: uidOf(revision) }, template: objectAt(spec, 'template'), data: data ?? null }
}

/** The label by which a replica set tells its pods apart is no part of what the deployment asks for. */
function templateOf(replicaSet: ApiObject): JsonObject {
  const template = objectAt(replicaSet, 'spec', 'template')
  const { 'pod-template-hash': _, ...labels } = objectAt(template, 'metadata', 'labels')
  return { ...template, metadata: { ...objectAt(template, 'metadata'), labels } }
}

interface RolloutPatch {
  readonly intent: Json
  readonly contentType: string
  build(live: ApiObject | undefined): Json
}

async function planEach(
  planning: Planning,
  targets: readonly Target[],
  action: string,
  patchFor: () => RolloutPatch,
): Promise<Plan> {
  const expanded = await expandTargets(targets, planning)
  const changes = expanded.flatMap(({ resource, namespace, names }) =>
    names.map((name): Change => {
      const { intent, build, contentType } = patchFor()
      return {
        ...{ verb: 'rollout', action, resource, namespace, name },
        wants: 'existing',
        intent: { action, patch: intent },
        wanted: undefined,
        request: (live) => ({
          method: 'PATCH',
          path: resourcePath(resource, namespace, name),
          query: { fieldManager: 'countersign' },
          body: build(live),
          contentType,
          about: resource.name,
        }),
      }
    }),
  )
  return planChanges(changes, planning)
}

function failed(detail: string): GateError {
  return new GateError('ERR_KUBECTL_FAILED', { detail, facts: { status: 404 } })
}
