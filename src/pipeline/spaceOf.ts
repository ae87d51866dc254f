import { createHash } from 'node:crypto'
import type { Caller } from '../call.ts'

/**
 * The name of what a tool keeps for one caller, and no other: two agents of one person have two. It goes into names of
 * folders, and says nothing about who it is.
 */
export function spaceOf({ key }: Pick<Caller, 'key'>): string {
  return createHash('sha256').update('countersign space\0').update(key).digest('hex').slice(0, 40)
}
