import type { PlainCopy } from './plainCopy.ts'
import type { Span } from './span.ts'

/** How JSON, URLs and HTML write a character that they also could have written as it is. */
const ESCAPE =
  /\\(?:u00([0-7][0-9a-f])|x([0-7][0-9a-f])|(["'\\/]))|%([0-7][0-9a-f])|&(?:#x0{0,4}([0-7]?[0-9a-f])|#0{0,4}(\d{1,3})|(amp|lt|gt|quot|apos|sol|plus|equals));/gi
const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", sol: '/', plus: '+', equals: '=' },
}

/** A log of JSON often has JSON in it, in which there is a URL. */
const MOST_LAYERS = 3

/** The text with its escapes read once, twice and so on, for as long as that changes something. */
export function unescapedCopiesOf(text: string): readonly PlainCopy[] {
  const copies: PlainCopy[] = []
  for (let copy = unescapedCopyOf(text); copy !== undefined; ) {
    const outer = copy
    copies.push(outer)
    if (copies.length === MOST_LAYERS) break
    const inner = unescapedCopyOf(outer.text)
    copy = inner && { text: inner.text, inOriginal: (span) => outer.inOriginal(inner.inOriginal(span)) }
  }
  return copies
}

/**
 * The text with the escapes of JSON, URLs and HTML read once, for ASCII only; undefined when there are none. Every
 * encoder chooses which characters it escapes, so what an escaped credential looks like cannot be listed.
 */
function unescapedCopyOf(text: string): PlainCopy | undefined {
  if (!/[\\%&]/.test(text)) return undefined
  const parts: string[] = []
  /** For every escape: its place in the copy, and how much further the original is behind it. */
  const places: number[] = []
  const leads: number[] = []
  let [read, written] = [0, 0]
  for (const found of text.matchAll(ESCAPE)) {
    const { index } = found
    const character = characterOf(found.slice(1))
    if (character === undefined) continue
    parts.push(text.slice(read, index), character)
    written += index - read
    places.push(written)
    written += 1
    read = index + found[0].length
    leads.push(read - written)
  }
  if (places.length === 0) return undefined
  parts.push(text.slice(read))
  /** How many escapes begin before this place in the copy. */
  const escapesBefore = (at: number): number => {
    let [low, high] = [0, places.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((places[middle] ?? 0) < at) low = middle + 1
      else high = middle
    }
    return low
  }
  const original = (at: number): number => at + (leads[escapesBefore(at) - 1] ?? 0)
  return {
    text: parts.join(''),
    inOriginal: ({ start, end, why }): Span => ({ start: original(start), end: original(end), why }),
  }
}

function characterOf([unicode, byte, mark, percent, hexadecimal, decimal, name]: readonly (string | undefined)[]) {
  if (mark !== undefined) return mark
  if (name !== undefined) return NAMED[name.toLowerCase()]
  const hex = unicode ?? byte ?? percent ?? hexadecimal
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  return code < 128 ? String.fromCharCode(code) : undefined
}
