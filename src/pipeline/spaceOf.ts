import { createHash } from 'node:crypto'
import type { Caller } from '../call.ts'

/**
 * The name of what a tool keeps for one caller, and no other: two agents of one person have two. It goes into names of
 * folders, and says nothing about who it is.
 */
export function spaceOf({ key }: Pick<Caller, 'key'>): string {
  const known = spaces.get(key)
  if (known !== undefined) return known
  if (spaces.size >= MOST_SPACES) spaces.clear()
  const space = createHash('sha256').update('countersign space\0').update(key).digest('hex').slice(0, 40)
  spaces.set(key, space)
  return space
}

/** Asked with every call, and the same for a caller for ever. */
const spaces = new Map<string, string>()
const MOST_SPACES = 1_000
