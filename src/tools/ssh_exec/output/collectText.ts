import { createStripper } from './stripEscapes.ts'

/** One stream of a command, in bounded memory: as text, without escape sequences, up to a number of characters. */
export interface TextCollector {
  write(chunk: Buffer): void
  /** Bytes so far, kept or not. */
  bytes(): number
  lines(): number
  /** Nothing more is kept. */
  isFull(): boolean
  finish(): { readonly text: string; readonly truncated: boolean }
}

/**
 * Kept beyond what will be shown. Detectors look before the text is cut, so a secret at the place of the cut must still be
 * whole; the longest that they know is shorter than this.
 */
const OVERLAP = 64 * 1024

/** Escape sequences are not kept, and an endless one must not be read for ever. */
const RAW_FACTOR = 16

export function collectText(maxBytes: number): TextCollector {
  const decoder = new TextDecoder('utf-8', { fatal: false })
  const stripper = createStripper()
  const pieces: string[] = []
  let kept = 0
  let bytes = 0
  let lines = 0
  let full = false
  const room = maxBytes + OVERLAP

  const keep = (text: string) => {
    const piece = stripper.write(text).slice(0, room - kept)
    pieces.push(piece)
    kept += piece.length
  }
  return {
    write(chunk) {
      bytes += chunk.length
      if (full) return
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++
      keep(decoder.decode(chunk, { stream: true }))
      if (kept >= room || bytes >= room * RAW_FACTOR) full = true
    },
    bytes: () => bytes,
    lines: () => lines,
    isFull: () => full,
    finish() {
      if (!full) keep(decoder.decode())
      const text = pieces.join('')
      return full ? { text: withoutTail(text, maxBytes), truncated: true } : { text, truncated: false }
    },
  }
}

/**
 * A text that was cut ends where a secret may have been split. Usually that is far beyond what is shown; where it is not,
 * because most of the bytes were escape sequences, the last piece is given up.
 */
function withoutTail(text: string, maxBytes: number): string {
  const end = text.length > maxBytes ? text.length : Math.max(0, text.length - OVERLAP)
  const blank = Math.max(text.lastIndexOf('\n', end), text.lastIndexOf(' ', end))
  return text.slice(0, blank > end - OVERLAP ? blank : end)
}
