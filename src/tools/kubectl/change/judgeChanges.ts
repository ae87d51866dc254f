import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { type ApiObject, isObject } from '../cluster/apiObject.ts'
import { type Cluster, resourcePath } from '../cluster/openCluster.ts'
import { createHider } from '../hide/hider.ts'
import { consequencesOf, consequencesUnseen } from '../judge/consequences.ts'
import { consequenceOperation, operationOf } from '../judge/operations.ts'
import { withType } from '../read/readObjects.ts'
import type { KubernetesConnection } from '../settings.ts'
import { blindRequest } from './blindRequest.ts'
import type { Change, JudgedChange } from './change.ts'

interface Judging {
  readonly cluster: Cluster
  readonly settings: KubernetesConnection
  readonly signal: AbortSignal
}

/** Requests of one judgement that run at once. */
const AT_ONCE = 8

/** Looks at every object as it is and, by the server's own dry run, as it would be. All of it before the first write. */
export async function judgeChanges(changes: readonly Change[], judging: Judging): Promise<readonly JudgedChange[]> {
  const { maxChanges } = judging.settings.limits
  if (changes.length > maxChanges) {
    throw new GateError('ERR_KUBECTL_TOO_MANY', {
      detail: `It means ${changes.length} objects; the limit is ${maxChanges}.`,
    })
  }
  const judged: JudgedChange[] = []
  for (let at = 0; at < changes.length; at += AT_ONCE) {
    const some = changes.slice(at, at + AT_ONCE).map((change) => judgeChange(change, changes, judging))
    judged.push(...(await Promise.all(some)))
  }
  return judged
}

async function judgeChange(change: Change, all: readonly Change[], judging: Judging): Promise<JudgedChange> {
  const { cluster, signal } = judging
  let live: ApiObject | undefined
  let result: ApiObject | undefined
  let problem: unknown
  let isDeferred = false
  try {
    live = await readLive(change, cluster, signal)
    checkWanted(change, live)
    await checkBlind(change, live, judging)
    result = await dryRun(change, live, cluster, signal)
  } catch (error) {
    // Whoever gave up gets no judgement, and a cluster that cannot be reached cannot be judged.
    if (!(error instanceof GateError) || error.code !== 'ERR_KUBECTL_FAILED') throw error
    isDeferred = live === undefined && error.facts.status === 404 && makesNamespaceOf(change, all)
    if (!isDeferred) problem = error
  }
  return {
    change,
    live,
    result,
    operations: operationsFor(change, live, result, judging.settings),
    problem,
    isDeferred,
  }
}

/** The operation that was asked for, and what it brings about. */
function operationsFor(
  change: Change,
  live: ApiObject | undefined,
  result: ApiObject | undefined,
  { trustedImages }: KubernetesConnection,
) {
  const { verb, resource, namespace, name, subresource = '', selector, action } = change
  const about = { resource, namespace, names: [name], subresource, selector, ...(action !== undefined && { action }) }
  const judged = [result, change.wanted].filter((after) => after !== undefined)
  // What is asked for counts beside the result: a webhook may act on a dry run otherwise than on the real thing.
  const consequences = [
    ...(change.extra ?? []),
    ...judged.flatMap((after) => consequencesOf({ resource, before: live, after, trustedImages })),
    ...(judged.length === 0 ? consequencesUnseen(verb, resource) : []),
  ]
  const distinct = [...new Map(consequences.map((each) => [JSON.stringify(each), each])).values()]
  return [operationOf(verb, about, true), ...distinct.map((each) => consequenceOperation(each, about))]
}

export async function readLive(
  { resource, namespace, name }: Pick<Change, 'resource' | 'namespace' | 'name'>,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  try {
    const path = resourcePath(resource, namespace, name)
    return withType(await cluster.ask({ method: 'GET', path, about: resource.name }, signal), resource)
  } catch (error) {
    if (error instanceof GateError && error.facts.status === 404) return undefined
    throw error
  }
}

function checkWanted({ wants, resource, name }: Change, live: ApiObject | undefined): void {
  if (wants === 'existing' && live === undefined) {
    throw new GateError('ERR_KUBECTL_FAILED', {
      detail: `404 NotFound: ${resource.name} "${name}" not found`,
      facts: { status: 404 },
    })
  }
  if (wants === 'absent' && live !== undefined) {
    throw new GateError('ERR_KUBECTL_FAILED', {
      detail: `409 AlreadyExists: ${resource.name} "${name}" already exists`,
      facts: { status: 409 },
    })
  }
}

async function dryRun(
  change: Change,
  live: ApiObject | undefined,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  const request = change.request(live)
  // The answer to a delete is no object as it would be.
  if (request.method === 'DELETE') return undefined
  const answer = await cluster.ask({ ...request, query: { ...request.query, dryRun: 'All' } }, signal)
  if (change.subresource !== undefined) return undefined
  return isObject(answer) ? withType(answer, change.resource) : undefined
}

/** Whether hidden values are those that are there must not decide whether a change can be. */
async function checkBlind(
  change: Change,
  live: ApiObject | undefined,
  { cluster, settings, signal }: Judging,
): Promise<void> {
  if (live === undefined || change.subresource !== undefined) return
  const request = change.request(live)
  if (request.method === 'DELETE') return
  const blind = blindRequest(request, live, change.resource, createHider(settings))
  if (blind === undefined) return
  await cluster.ask({ ...blind, query: { ...blind.query, dryRun: 'All' } }, signal)
}

/** An object of a namespace that the same call makes cannot be dry-run before that is there. */
function makesNamespaceOf({ namespace }: Change, all: readonly Change[]): boolean {
  return all.some(
    ({ verb, resource, name }) =>
      ['apply', 'create'].includes(verb) &&
      resource.group === '' &&
      resource.name === 'namespaces' &&
      name === namespace,
  )
}

/** The dry run of a deferred change, now that its namespace is there: it must bring about nothing that was not judged. */
export async function judgeDeferred({ change, live, operations }: JudgedChange, judging: Judging): Promise<void> {
  const result = await dryRun(change, live, judging.cluster, judging.signal)
  const known = new Set(operations.map((operation) => JSON.stringify(operation as unknown as Json)))
  const now = operationsFor(change, live, result, judging.settings)
  if (now.some((operation) => !known.has(JSON.stringify(operation)))) {
    throw new GateError('ERR_KUBECTL_CHANGED', { detail: 'In its namespace it would do more than was judged.' })
  }
}
