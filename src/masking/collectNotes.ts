import type { MaskNote } from '../call.ts'

/** Counts what was hidden where, for the agent and the trail. */
export interface NoteCollection {
  add(where: string, why: string): void
  list(): readonly MaskNote[]
}

export function collectNotes(): NoteCollection {
  const notes = new Map<string, MaskNote>()
  return {
    add(where, why) {
      const key = JSON.stringify([where, why])
      notes.set(key, { where, why, count: (notes.get(key)?.count ?? 0) + 1 })
    },
    list: () => [...notes.values()],
  }
}
