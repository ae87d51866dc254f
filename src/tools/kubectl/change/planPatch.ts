import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { readOneTarget } from '../args/readTargets.ts'
import { refuse } from '../args/refuse.ts'
import { isObject, objectAt, textAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { readYamlValue } from '../judge/readManifest.ts'
import type { Plan, Planning } from '../plan.ts'
import { namespaceOf, textFlag } from '../scope.ts'
import { pinned, pinnedOperations } from './pin.ts'
import { planChanges } from './planChanges.ts'

const CONTENT_TYPES = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
} as const

/** What identifies an object cannot be patched; the gateway itself pins the version. */
const PINNED_FIELDS = [
  'uid',
  'resourceVersion',
  'name',
  'namespace',
  'generation',
  'managedFields',
  'selfLink',
  'generateName',
]

/** patch: judged by the object that the server says would come of it. */
export async function planPatch(planning: Planning): Promise<Plan> {
  const { args, settings, cluster, signal } = planning
  const { type, name } = readOneTarget(args.positionals, 'patch')
  const text = textFlag(args, 'patch') ?? refuse('patch needs -p with the patch.')
  const patch = readYamlValue(text)
  const kind = textFlag(args, 'type') ?? 'strategic'
  checkPatch(patch, kind)
  const resource = await cluster.findType(type, signal)
  const namespace = resource.namespaced ? namespaceOf(args, settings) : undefined
  const query = { fieldManager: 'countersign' }
  return planChanges(
    [
      {
        ...{ verb: 'patch', resource, namespace, name },
        wants: 'existing',
        intent: { kind, patch },
        wanted: undefined,
        request: (live) => ({
          method: 'PATCH',
          path: resourcePath(resource, namespace, name),
          query,
          body: Array.isArray(patch) ? pinnedOperations(patch, live) : pinned(isObject(patch) ? patch : {}, live),
          contentType: CONTENT_TYPES[kind as keyof typeof CONTENT_TYPES],
          about: resource.name,
        }),
      },
    ],
    planning,
  )
}

function checkPatch(patch: Json, kind: string): void {
  if (kind !== 'json') {
    if (!isObject(patch)) refusePatch('A patch of this type is an object; --type json takes a list of operations.')
    const metadata = objectAt(patch, 'metadata')
    const own = PINNED_FIELDS.find((field) => metadata[field] !== undefined)
    if (own !== undefined) refusePatch(`metadata.${own} cannot be patched.`)
    // Directives of strategic merge: at this level they would take the pin away with the rest.
    if (metadata.$patch !== undefined || patch.$patch !== undefined) refusePatch('$patch is not taken at this level.')
    if (patch.status !== undefined) refusePatch('status belongs to the server.')
    return
  }
  if (!Array.isArray(patch)) refusePatch('--type json takes a list of operations.')
  for (const operation of patch) {
    // A test answers whether a value is what was guessed; copy and move carry values to where they are shown.
    if (!/^(?:add|remove|replace)$/.test(textAt(operation, 'op') ?? '')) refusePatch('`op` is add, remove or replace.')
    const path = textAt(operation, 'path') ?? ''
    const [, first = '', second = ''] = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (!path.startsWith('/') || first === '' || first === 'status')
      refusePatch('An operation has a path that is not taken.')
    if (first === 'metadata' && (second === '' || PINNED_FIELDS.includes(second)))
      refusePatch('metadata cannot be patched there.')
  }
}

function refusePatch(detail: string): never {
  throw new GateError('ERR_KUBECTL_MANIFEST', { detail })
}
