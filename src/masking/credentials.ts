import type { Span } from './span.ts'

/**
 * Below this a hit would confirm a guess: an agent that selects every four-digit number would see which of them is
 * hidden. From 16 characters on, guessing is hopeless.
 */
const SHORTEST_CREDENTIAL = 16
/** Shared with every needle: how far the search may look at once. Smaller than the shortest base64 core, see below. */
const WINDOW = 16

const CREDENTIAL_REASON = 'server-credential'

/** Recognises the values of the credentials that the server itself holds. Holds the values: never log or serialise it. */
export interface CredentialDetector {
  find(text: string): readonly Span[]
  /** Another object as soon as it looks for other credentials. */
  edition(): object
}

/**
 * A detector for server-held credentials of 16 characters and more, as they are and in the forms they travel in:
 * base64 and base64url at each alignment, hex, URL-encoded, JSON-escaped, and the single lines of multi-line values.
 * Shorter credentials are not looked for, because a hit would confirm a guess.
 *
 * The search is Wu and Manber's (1994) with blocks of two: one table look-up skips most of a text.
 */
export function createCredentialDetector(values: readonly string[]): CredentialDetector {
  // A secret that was read from a file often ends in a line feed that is not part of it.
  const needles = [
    ...new Set(
      values
        .map((v) => v.trim())
        .filter(isLongEnough)
        .flatMap(formsOf),
    ),
  ]
  // Empty: who compares editions holds no secrets.
  const edition = Object.freeze({})
  if (needles.length === 0) return { find: () => [], edition: () => edition }
  const shifts = new Uint8Array(0x10000).fill(WINDOW - 1)
  const byBlock = new Map<number, string[]>()
  for (const needle of needles) {
    for (let at = 1; at < WINDOW; at++) {
      const block = blockAt(needle, at)
      shifts[block] = Math.min(shifts[block] ?? 0, WINDOW - 1 - at)
    }
    const last = blockAt(needle, WINDOW - 1)
    byBlock.set(last, [...(byBlock.get(last) ?? []), needle])
  }
  return {
    edition: () => edition,
    find(text) {
      const spans: Span[] = []
      for (let at = WINDOW - 1; at < text.length; ) {
        const block = blockAt(text, at)
        const shift = shifts[block] ?? 0
        if (shift > 0) {
          at += shift
          continue
        }
        const start = at - WINDOW + 1
        for (const needle of byBlock.get(block) ?? []) {
          if (text.startsWith(needle, start)) spans.push({ start, end: start + needle.length, why: CREDENTIAL_REASON })
        }
        at++
      }
      return spans
    },
  }
}

function isLongEnough(value: string): boolean {
  return value.length >= SHORTEST_CREDENTIAL
}

function blockAt(text: string, at: number): number {
  return ((text.charCodeAt(at - 1) << 8) ^ text.charCodeAt(at)) & 0xffff
}

function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value, 'utf8')
  const base64 = [0, 1, 2].map((offset) => base64Core(bytes, offset))
  return [
    value,
    // A multi-line key may be shown line by line, or with its line ends written another way.
    ...value.split(/\r?\n/).filter((line) => line.length >= 2 * SHORTEST_CREDENTIAL && !line.startsWith('-----')),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    encodeURIComponent(value),
    encodeURIComponent(value).replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()),
    new URLSearchParams([['', value]]).toString().slice(1),
    JSON.stringify(value).slice(1, -1),
  ].filter((form) => form.length >= WINDOW)
}

/** The characters of the base64 of `bytes` that do not depend on what stands before and after them. */
function base64Core(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const first = offset === 0 ? 0 : offset + 1
  const complete = Math.floor(((offset + bytes.length) * 8) / 6)
  return encoded.slice(first, complete)
}
