import { randomUUID } from 'node:crypto'
import type { Json } from '../../../call.ts'
import { type ApiObject, isObject, textAt, valueAt } from '../cluster/apiObject.ts'
import type { ApiRequest } from '../cluster/apiRequest.ts'
import type { Resource } from '../cluster/discovery.ts'
import type { Hider } from '../hide/hider.ts'
import { withType } from '../read/readObjects.ts'

/**
 * A request with other values wherever it brings one that is hidden; undefined when it brings none. Fields of another
 * manager and fields that cannot change take the value that is there and refuse every other: without this, a dry run would
 * say whether a guess is right. What fails with other values is refused whatever the values are.
 */
export function blindRequest(
  request: ApiRequest,
  live: ApiObject,
  resource: Resource,
  hider: Hider,
): ApiRequest | undefined {
  const { body } = request
  const hide = (value: Json) => hider.hide(value, resource)
  const blind = Array.isArray(body)
    ? body.map((operation) => blindOperation(operation, live, resource, hide))
    : isObject(body)
      ? blindChanged(body, strip(hide(withType(body, resource)), body), '')
      : body
  return JSON.stringify(blind) === JSON.stringify(body) ? undefined : { ...request, body: blind as Json }
}

/** Without what `withType` added. */
function strip(hidden: Json, body: Json): Json {
  return isObject(hidden) && isObject(body)
    ? Object.fromEntries(Object.entries(hidden).filter(([key]) => Object.hasOwn(body, key)))
    : hidden
}

/** Every text that the hider has replaced becomes another one; the rest stays. */
function blindChanged(value: Json, hidden: Json | undefined, under: string): Json {
  if (typeof value === 'string') return value === hidden ? value : anotherText(under)
  if (Array.isArray(value)) {
    return value.map((inner, at) =>
      blindChanged(inner, Array.isArray(hidden) ? (hidden as readonly Json[])[at] : hidden, under),
    )
  }
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      // managedFields and the like are left out whole; nothing of them is a value.
      blindChanged(inner, isObject(hidden) ? (Object.hasOwn(hidden, key) ? hidden[key] : inner) : hidden, under || key),
    ]),
  )
}

/** An operation of a JSON patch says where, not what stands beside it: the object that is there says that. */
function blindOperation(operation: Json, live: ApiObject, resource: Resource, hide: (value: Json) => Json): Json {
  const value = valueAt(operation, 'value')
  const path = (textAt(operation, 'path') ?? '').split('/').slice(1)
  const keys = path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (value === undefined || !isObject(operation) || textAt(operation, 'op') === 'test') return operation
  const [first = ''] = keys
  const there = at(live, keys)
  const isHidden = typeof there === 'string' && there !== at(hide(live), keys)
  if (isHidden) return { ...operation, value: blindChanged(value, null, first) }
  // As an object that has nothing but this.
  const alone = keys.reduceRight<Json>((inner, key) => ({ [key]: inner }), value)
  return { ...operation, value: blindChanged(value, at(hide(withType(alone, resource)), keys), first) }
}

function at(value: Json, keys: readonly string[]): Json | undefined {
  let found: Json | undefined = value
  for (const key of keys) {
    found = Array.isArray(found) ? (found as readonly Json[])[Number(key)] : valueAt(found, key)
  }
  return found
}

/** JSON, and base64 of it: what the server demands of values of Secrets. */
function anotherText(under: string): string {
  const text = JSON.stringify({ auths: {}, other: randomUUID() })
  return under === 'stringData' ? text : Buffer.from(text).toString('base64')
}
