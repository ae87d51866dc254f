import type { Json } from '../../../call.ts'
import { type ApiObject, type JsonObject, objectAt } from '../cluster/apiObject.ts'
import { uidOf, versionOf } from './objectState.ts'

/** A body that the server takes only for this very version of this very object. Without one: for any. */
export function pinned(body: JsonObject, live: ApiObject | undefined): JsonObject {
  if (live === undefined) return body
  return { ...body, metadata: { ...objectAt(body, 'metadata'), uid: uidOf(live), resourceVersion: versionOf(live) } }
}

/** RFC 6902: tests that go before the operations of a JSON patch. */
export function pinnedOperations(operations: readonly Json[], live: ApiObject | undefined): readonly Json[] {
  if (live === undefined) return operations
  return [
    { op: 'test', path: '/metadata/uid', value: uidOf(live) },
    { op: 'test', path: '/metadata/resourceVersion', value: versionOf(live) },
    ...operations,
  ]
}
