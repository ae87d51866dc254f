import { hash } from 'node:crypto'
import type { Caller } from '../call.ts'

/**
 * The name of what a tool keeps for one caller, and no other: two agents of one person have two. It goes into names of
 * folders, and says nothing about who it is.
 */
export function spaceOf({ key }: Pick<Caller, 'key'>): string {
  return hash('sha256', `countersign space\0${key}`).slice(0, 40)
}
