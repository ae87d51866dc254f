import type { Span } from './span.ts'

/** Characters that show nothing and can stand inside a word: zero-width, joiners, bidi controls, soft hyphen, tags. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu
const NOT_ASCII = /[^\0-\x7f]/

/** A text as a reader takes it, with the way back to the offsets of the original. */
export interface PlainCopy {
  readonly text: string
  /** The part of the original that a part of the copy came from. */
  inOriginal(span: Span): Span
}

/**
 * The text without invisible characters and with compatibility forms (full-width letters, mathematical alphabets)
 * folded by NFKC; undefined when that changes nothing, which is the case for almost every text.
 */
export function plainCopyOf(text: string): PlainCopy | undefined {
  if (!NOT_ASCII.test(text) || plain(text) === text) return undefined
  const starts: number[] = []
  const ends: number[] = []
  const parts: string[] = []
  let at = 0
  // Code point by code point, so that every character of the copy has one place in the original. Sequences that only
  // compose together stay apart, which no detector minds: their alphabets are ASCII.
  for (const character of text) {
    const folded = plain(character)
    for (let i = 0; i < folded.length; i++) {
      starts.push(at)
      ends.push(at + character.length)
    }
    parts.push(folded)
    at += character.length
  }
  return {
    text: parts.join(''),
    inOriginal: ({ start, end, why }) => ({ start: starts[start] ?? at, end: ends[end - 1] ?? at, why }),
  }
}

function plain(text: string): string {
  return text.replace(INVISIBLE, '').normalize('NFKC')
}
