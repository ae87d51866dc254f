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
  const notes: { readonly where: string; readonly why: string; count: number }[] = []
  const known = new Map<string, Map<string, { count: number }>>()
  const countAt = (where: string, why: string): void => {
    const note = { where, why, count: 1 }
    notes.push(note)
    const there = known.get(where)
    if (there === undefined) known.set(where, new Map([[why, note]]))
    else there.set(why, note)
  }
  return {
    add(where, why) {
      const place = where.length > LONGEST_PLACE ? `${where.slice(0, LONGEST_PLACE)}…` : where
      const note = known.get(place)?.get(why)
      if (note !== undefined) note.count += 1
      else if (notes.length < MOST_PLACES) countAt(place, why)
      else {
        const elsewhere = known.get(ELSEWHERE)?.get(why)
        if (elsewhere !== undefined) elsewhere.count += 1
        else countAt(ELSEWHERE, why)
      }
    },
    list: () => notes.map((note) => ({ ...note })),
  }
}
