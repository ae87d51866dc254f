import { matchesGlob } from '../settings/glob.ts'

/**
 * Operation names and the globs over them. Only the part after the colon of a family can be a glob: `function:public.*`
 * names members of the family `function`. `*` stands for any characters, none included. Names compare exactly.
 */
export function matchesOperation(pattern: string, operation: string): boolean {
  const colon = pattern.indexOf(':')
  if (colon < 0 || !pattern.includes('*')) return pattern === operation
  const family = pattern.slice(0, colon + 1)
  return operation.startsWith(family) && matchesGlob(pattern.slice(colon + 1), operation.slice(colon + 1))
}

/** Every operation that `narrow` names is also named by `wide`. May say no where the truth is yes; never the reverse. */
export function coversPattern(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  // A glob inside `narrow` is read as text: a star of its own only matches where `wide` has one.
  return matchesOperation(wide, narrow)
}

/** The pattern is a name or family of the tool's vocabulary. */
export function isInVocabulary(pattern: string, vocabulary: readonly string[]): boolean {
  const colon = pattern.indexOf(':')
  if (colon < 0) return vocabulary.includes(pattern)
  return pattern.length > colon + 1 && vocabulary.includes(`${pattern.slice(0, colon)}:*`)
}
