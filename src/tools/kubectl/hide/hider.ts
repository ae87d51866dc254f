import type { Json, MaskNote } from '../../../call.ts'
import { type Resource, resourceName, resourceNames } from '../cluster/discovery.ts'
import type { KubernetesConnection } from '../settings.ts'
import { hideObject } from './hideObject.ts'

/** Hides objects of one call, and remembers what it hid. */
export interface Hider {
  hide(object: Json, resource: Pick<Resource, 'group' | 'name'>): Json
  /** Whether the settings name something of this type. */
  masks(resource: Pick<Resource, 'group' | 'name'>): boolean
  notes(): readonly MaskNote[]
}

/** The pointers of the settings that are about a type, under any of its names. */
function pointersOf(mask: readonly string[], resource: Pick<Resource, 'group' | 'name'>): readonly string[] {
  return resourceNames(resource).flatMap((name) =>
    mask.filter((entry) => entry.startsWith(`${name}:`)).map((entry) => entry.slice(name.length + 1)),
  )
}

export function createHider({ mask }: Pick<KubernetesConnection, 'mask'>): Hider {
  const counts = new Map<string, number>()
  return {
    hide(object, resource) {
      const name = resourceName(resource)
      const pointers = pointersOf(mask, resource)
      return hideObject(object, pointers, (_, why) => {
        const key = JSON.stringify([name, why])
        counts.set(key, (counts.get(key) ?? 0) + 1)
      })
    },
    masks: (resource) => pointersOf(mask, resource).length > 0,
    notes: () =>
      [...counts].map(([key, count]) => {
        const [where = '', why = ''] = JSON.parse(key) as string[]
        return { where, why, count }
      }),
  }
}
