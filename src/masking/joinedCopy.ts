import type { PlainCopy } from './plainCopy.ts'

/** A line that is nothing but base64 or hex; the last one of a block may be short. */
const ENCODED_LINE = /^[ \t]*([A-Za-z0-9+/_-]{20,}={0,2})[ \t]*$/
const ENCODED_REST = /^[ \t]*([A-Za-z0-9+/_-]{1,400}={0,2})[ \t]*$/
/** `xxd`, `hexdump -C`, `od -tx1`: a place, bytes as hex, and perhaps the same as letters. */
const DUMP_LINE = /^[ \t]*[0-9A-Fa-f]{4,16}:?[ \t]+((?:[0-9A-Fa-f]{2,8}[ \t]{1,2}){0,31}[0-9A-Fa-f]{2,8})(?=[ \t]|$)/

/** Shorter texts hold no block of two lines that could matter. */
const SHORTEST = 41

/**
 * What encoders break into lines, in one piece: base64 and hex that was wrapped, and the bytes of hex dumps, each block
 * on a line of its own; undefined when there is none. A credential that is cut into lines would otherwise be in none of
 * them. Other ways to cut it stay: this is a net.
 */
export function joinedCopyOf(text: string): PlainCopy | undefined {
  if (text.length < SHORTEST || !text.includes('\n')) return undefined
  const parts: string[] = []
  /** For every character of the copy, where it stands in the original. */
  const places: number[] = []
  let lines = 0
  let joined = false
  const push = (part: string, start: number): void => {
    parts.push(part)
    for (let i = 0; i < part.length; i++) places.push(start + i)
  }
  const endBlock = (at: number): void => {
    if (lines > 1) joined = true
    if (lines > 0) push('\n', at)
    lines = 0
  }
  let open: 'encoded' | 'dump' | undefined
  for (let start = 0; start <= text.length; ) {
    const end = endOfLine(text, start)
    const line = text.slice(start, text[end - 1] === '\r' ? end - 1 : end)
    const dump = DUMP_LINE.exec(line)
    const encoded = dump === null ? (open === 'encoded' ? ENCODED_REST : ENCODED_LINE).exec(line) : null
    const kind = dump === null ? (encoded === null ? undefined : 'encoded') : 'dump'
    if (kind !== open) endBlock(start)
    open = kind
    const found = dump ?? encoded
    if (found?.[1] !== undefined) {
      const from = start + line.indexOf(found[1], dump === null ? 0 : found[0].length - found[1].length)
      for (let i = 0; i < found[1].length; i++) {
        const character = found[1][i] ?? ''
        if (character !== ' ' && character !== '\t' && character !== '=') push(character, from + i)
      }
      lines += 1
    }
    start = end + 1
  }
  endBlock(text.length)
  if (!joined) return undefined
  const copy = parts.join('')
  return {
    text: copy,
    inOriginal: ({ start, end, why }) => ({
      start: places[start] ?? text.length,
      end: (places[end - 1] ?? text.length - 1) + 1,
      why,
    }),
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end === -1 ? text.length : end
}
