import { isObjectName, isTypeName } from './names.ts'
import { quote, refuse } from './refuse.ts'

/** A type as it was written, and the names of objects of it; no names means all that are there. */
export interface WrittenTarget {
  readonly type: string
  readonly names: readonly string[]
}

/** The most objects that one call may name. */
const MAX_NAMES = 100

/** `pods`, `pods,svc`, `pod web api`, `pod/web svc/web`: types and names, validated. */
export function readTargets(words: readonly string[]): readonly WrittenTarget[] {
  const [first, ...rest] = words
  if (first === undefined) refuse('Name a type, such as pods.')
  if (words.length > MAX_NAMES) refuse(`Name at most ${MAX_NAMES} objects.`)
  if (words.some((word) => word.includes('/'))) return readPairs(words)
  const types = first.split(',')
  for (const type of types) checkType(type)
  for (const name of rest) checkName(name)
  if (new Set(types.map((type) => type.toLowerCase())).size !== types.length) refuse('A type is named twice.')
  if (new Set(rest).size !== rest.length) refuse('A name appears twice.')
  return types.map((type) => ({ type, names: rest }))
}

/** Exactly one object: `deployment web` or `deployment/web`. */
export function readOneTarget(
  words: readonly string[],
  verb: string,
): { readonly type: string; readonly name: string } {
  const [target, other] = readTargets(words)
  const [name, second] = target?.names ?? []
  if (target === undefined || other !== undefined || name === undefined || second !== undefined) {
    refuse(`${verb} takes one object: TYPE NAME, or TYPE/NAME.`)
  }
  return { type: target.type, name }
}

function readPairs(words: readonly string[]): readonly WrittenTarget[] {
  const byType = new Map<string, string[]>()
  for (const word of words) {
    const [type = '', name = '', ...more] = word.split('/')
    if (more.length > 0 || !word.includes('/'))
      refuse(`Write every object as TYPE/NAME, or the type once: ${quote(word)}.`)
    checkType(type)
    checkName(name)
    const names = byType.get(type) ?? []
    if (names.includes(name)) refuse(`${quote(word)} appears twice.`)
    byType.set(type, [...names, name])
  }
  return [...byType].map(([type, names]) => ({ type, names }))
}

function checkType(type: string): void {
  if (type.toLowerCase() === 'all') refuse('`all` is no type: name the types, such as pods,services,deployments.')
  if (!isTypeName(type)) refuse(`${quote(type)} is not the name of a type.`)
}

export function checkName(name: string): void {
  if (!isObjectName(name)) refuse(`${quote(name)} is not the name of an object.`)
}
