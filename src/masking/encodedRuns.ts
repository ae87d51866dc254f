const SHORTEST_RUN = 24
const SHORTEST_HEX = 32
const ALPHABET = new Uint8Array(128)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-') {
  ALPHABET[character.charCodeAt(0)] = 1
}

/** A part of a text that may be base64 or hex, with what it decodes to (one character per byte). */
export interface EncodedRun {
  readonly start: number
  readonly end: number
  readonly decoded: readonly string[]
}

/**
 * The parts of a text that could be base64, base64url or hex of 18 bytes or more, decoded. Base64 is decoded at each of
 * its four alignments, because letters before it may belong to the same run.
 */
export function encodedRuns(text: string): readonly EncodedRun[] {
  const runs: EncodedRun[] = []
  let shown = 0
  // Every run of the shortest length covers one of the positions looked at, so most of an ordinary text is skipped.
  for (let at = SHORTEST_RUN - 1; at < text.length; at += SHORTEST_RUN) {
    if (!inAlphabet(text, at)) continue
    let start = at
    while (start > shown && inAlphabet(text, start - 1)) start--
    let end = at + 1
    while (end < text.length && inAlphabet(text, end)) end++
    if (end - start >= SHORTEST_RUN) {
      const decoded = decodingsOf(text.slice(start, end))
      // `\x` is how PostgreSQL begins the text of bytes.
      const whole = text[start] === 'x' && text[start - 1] === '\\' ? start - 1 : start
      if (decoded.length > 0) runs.push({ start: whole, end: endOfPadding(text, end), decoded })
    }
    shown = end
    at = Math.max(at, end)
  }
  return runs
}

function decodingsOf(run: string): readonly string[] {
  const hex = /^0?x/.test(run) ? run.slice(run.indexOf('x') + 1) : run
  if (/^[0-9a-f-]*$/i.test(hex)) {
    // With hyphens it is a UUID, which holds nothing.
    return hex.length >= SHORTEST_HEX && !hex.includes('-') ? [Buffer.from(hex, 'hex').toString('latin1')] : []
  }
  // The base64 of text has letters of both cases; identifiers and slugs seldom do.
  if (!/[a-z]/.test(run) || !/[A-Z]/.test(run)) return []
  return [0, 1, 2, 3].map((offset) => Buffer.from(run.slice(offset), 'base64').toString('latin1'))
}

function endOfPadding(text: string, end: number): number {
  let padded = end
  while (padded < end + 2 && text[padded] === '=') padded++
  return padded
}

function inAlphabet(text: string, at: number): boolean {
  return ALPHABET[text.charCodeAt(at)] === 1
}
