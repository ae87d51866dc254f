import type { Json } from '../../../call.ts'
import { type ApiObject, isObject, listAt, textAt, valueAt } from '../cluster/apiObject.ts'
import type { Resource } from '../cluster/discovery.ts'
import { type Cluster, resourcePath } from '../cluster/openCluster.ts'
import type { Target } from '../scope.ts'

/** Objects of one target, and whether there are more. */
export interface ReadObjects {
  readonly objects: readonly ApiObject[]
  readonly hasMore: boolean
}

/** Reads the objects that a target means, at most `limit` of them, each with its type written in it. */
export async function readObjects(
  cluster: Cluster,
  target: Target,
  limit: number,
  signal: AbortSignal,
): Promise<ReadObjects> {
  const { resource, namespace, names } = target
  const about = resource.name
  if (names.length > 0) {
    const objects = await Promise.all(
      names.map((name) => cluster.ask({ method: 'GET', path: resourcePath(resource, namespace, name), about }, signal)),
    )
    return { objects: objects.map((object) => withType(object, resource)), hasMore: false }
  }
  const list = await cluster.ask(
    { method: 'GET', path: resourcePath(resource, namespace), query: listQuery(target, limit), about },
    signal,
  )
  const items = listAt(list, 'items')
  return {
    objects: items.slice(0, limit).map((item) => withType(item, resource)),
    hasMore: hasMore(list) || items.length > limit,
  }
}

export function listQuery({ selector, fieldSelector }: Target, limit: number): Record<string, string> {
  return {
    limit: String(limit),
    ...(selector !== undefined && { labelSelector: selector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  }
}

/** A server that pages says so; some types are never paged. */
export function hasMore(list: Json): boolean {
  return (textAt(list, 'metadata', 'continue') ?? '') !== ''
}

/** Items of a list do not say what they are, and what hides values must know. */
export function withType(object: Json, { group, version, kind }: Resource): ApiObject {
  const apiVersion = group === '' ? version : `${group}/${version}`
  return { ...(isObject(object) ? object : {}), apiVersion, kind }
}

export function nameOf(object: Json): string {
  return textAt(object, 'metadata', 'name') ?? ''
}

/** `status.containerStatuses[0].restartCount`: keys and places in lists. */
export function valueAtPath(object: Json, path: string): Json | undefined {
  let at: Json | undefined = object
  for (const part of path.split('.')) {
    const [, key = '', index] = /^([A-Za-z]+)(?:\[(\d+)\])?$/.exec(part) ?? []
    at = valueAt(at, key)
    if (index !== undefined) at = Array.isArray(at) ? (at as readonly Json[])[Number(index)] : undefined
  }
  return at
}
