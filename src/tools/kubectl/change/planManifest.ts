import { GateError } from '../../../errors.ts'
import { quote, refuse } from '../args/refuse.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { type ManifestObject, readManifest } from '../judge/readManifest.ts'
import type { Plan, Planning } from '../plan.ts'
import { textFlag } from '../scope.ts'
import type { Change } from './change.ts'
import { pinned } from './pin.ts'
import { planChanges } from './planChanges.ts'

const FIELD_MANAGER = 'countersign'

/** create and apply of an inline manifest. apply is always the server's. */
export async function planManifest(planning: Planning): Promise<Plan> {
  const { args, manifest } = planning
  if (manifest === undefined) refuse(`${args.verb} takes the argument \`manifest\`: YAML or JSON of the objects.`)
  if (args.positionals.length > 0)
    refuse(`${args.verb} takes a manifest alone; write ${quote(args.positionals[0] ?? '')} into it.`)
  const objects = readManifest(manifest)
  const changes: Change[] = []
  for (const object of objects) changes.push(await readChange(object, planning))
  return planChanges(changes, planning)
}

async function readChange(object: ManifestObject, planning: Planning): Promise<Change> {
  const { args, settings, cluster, signal } = planning
  const resource = await cluster.findKind(object.apiVersion, object.kind, signal)
  const missing = ['get', 'create', 'patch'].find((verb) => !resource.verbs.includes(verb))
  // Reviews, tokens, bindings: requests to the server that only look like objects.
  if (missing !== undefined)
    throw new GateError('ERR_KUBECTL_MANIFEST', { detail: `${object.kind} is no kind of object that is kept.` })
  const namespace = resource.namespaced ? namespaceFor(object, planning) : clusterScope(object)
  const { name } = object
  const body = {
    ...object.body,
    metadata: { ...(object.body.metadata as object), ...(namespace !== undefined && { namespace }) },
  }
  const force = args.flags.has('force-conflicts')
  const isCreate = args.verb === 'create'
  return {
    verb: args.verb,
    ...{ resource, namespace, name },
    wants: isCreate ? 'absent' : 'either',
    intent: { body, force, defaultNamespace: settings.namespace },
    wanted: body,
    extra: force ? [{ operation: 'conflicts:force', because: 'takes over fields that another manager set' }] : [],
    request: (live) =>
      isCreate
        ? {
            method: 'POST',
            path: resourcePath(resource, namespace),
            query: { fieldManager: FIELD_MANAGER },
            body,
            about: resource.name,
          }
        : {
            method: 'PATCH',
            path: resourcePath(resource, namespace, name),
            query: { fieldManager: FIELD_MANAGER, force: String(force) },
            body: pinned(body, live),
            contentType: 'application/apply-patch+yaml',
            about: resource.name,
          },
  }
}

/** The manifest and the argument must say the same; what neither says is the connection's. */
function namespaceFor({ namespace, kind, name }: ManifestObject, { args, settings }: Planning): string {
  const named = textFlag(args, 'namespace')
  if (named !== undefined && namespace !== undefined && namespace !== named) {
    const detail = `${kind} ${quote(name)} is for the namespace ${quote(namespace)}, and -n says ${quote(named)}.`
    throw new GateError('ERR_KUBECTL_MANIFEST', { detail })
  }
  return namespace ?? named ?? settings.namespace
}

function clusterScope({ namespace, kind, name }: ManifestObject): undefined {
  if (namespace === undefined) return undefined
  throw new GateError('ERR_KUBECTL_MANIFEST', { detail: `${kind} ${quote(name)} has no namespace; leave it out.` })
}
