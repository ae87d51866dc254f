import { createHash } from 'node:crypto'
import type { Json } from '../../../call.ts'
import { type ApiObject, isObject, objectAt, textAt } from '../cluster/apiObject.ts'

/**
 * What an object is, without what changes by itself: its status, its version and the book about who wrote what. An
 * approval holds for exactly this state.
 */
export function stateOf(live: ApiObject | undefined): Json {
  if (live === undefined) return null
  const { resourceVersion: _, generation: __, managedFields: ___, ...metadata } = objectAt(live, 'metadata')
  const { status: ____, ...rest } = live
  const text = JSON.stringify(sorted({ ...rest, metadata }))
  return { uid: uidOf(live), state: createHash('sha256').update(text).digest('hex') }
}

export function uidOf(object: Json | undefined): string {
  return textAt(object, 'metadata', 'uid') ?? ''
}

export function versionOf(object: Json | undefined): string {
  return textAt(object, 'metadata', 'resourceVersion') ?? ''
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] ?? null)]),
  )
}
