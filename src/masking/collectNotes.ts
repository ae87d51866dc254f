import type { MaskNote } from '../call.ts'

/** Counts what was hidden where, for the agent and the trail. */
export interface NoteCollection {
  add(where: string, why: string): void
  list(): readonly MaskNote[]
}

/** Beyond this many places the others are one: notes stand beside an output that has a cap, and have none. */
const MOST_PLACES = 100
const LONGEST_PLACE = 256
const ELSEWHERE = 'elsewhere'

export function collectNotes(): NoteCollection {
  const notes = new Map<string, MaskNote>()
  return {
    add(where, why) {
      const place = where.length > LONGEST_PLACE ? `${where.slice(0, LONGEST_PLACE)}…` : where
      const written = JSON.stringify([place, why])
      const hasRoom = notes.size < MOST_PLACES || notes.has(written)
      const key = hasRoom ? written : JSON.stringify([ELSEWHERE, why])
      notes.set(key, { where: hasRoom ? place : ELSEWHERE, why, count: (notes.get(key)?.count ?? 0) + 1 })
    },
    list: () => [...notes.values()],
  }
}
