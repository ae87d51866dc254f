import { showHidden } from '../approvals/suspiciousText.ts'
import type { Block } from './slackApi.ts'

/** How much of a text may stand in a message, in UTF-16 units. */
export interface Room {
  readonly characters: number
  readonly lines: number
}

export interface Excerpt {
  /** Nothing is left out. */
  readonly complete: boolean
  readonly head: string
  /** The last lines, when something in between was left out. */
  readonly tail: string
  readonly left: { readonly characters: number; readonly of: number }
}

/** Slack breaks lines of code at about this width. */
const COLUMNS = 80
const BLANK_LINES = 5
const BLANKS = 40

/**
 * A text of the agent or the target as people may read it in Slack: what cannot be seen is written out, and long blank
 * stretches, which push text out of sight, are said in words. Nothing is left out.
 */
export function visible(text: string): string {
  const lines: string[] = []
  let blank = 0
  const flush = () => {
    if (blank >= BLANK_LINES) lines.push(`⟦${blank} blank lines⟧`)
    else lines.push(...Array.from({ length: blank }, () => ''))
    blank = 0
  }
  for (const line of text.replaceAll('\r\n', '\n').split('\n')) {
    const shown = showHidden(line).replace(/[ \t]{40,}/g, (run) => ` ⟦${run.length} blanks⟧ `)
    if (line.trim() === '' && line.length < BLANKS) {
      blank += 1
      continue
    }
    flush()
    lines.push(shown)
  }
  flush()
  return lines.join('\n')
}

/** Far more than any room: what lies between the two ends of a longer text is counted, and not looked at. */
const END = 8_000

/** What of a text fits, visible; when not all does, its beginning and its end, which is where people look. */
export function excerptOf(text: string, room: Room): Excerpt {
  const isLong = text.length > 4 * END
  const shown = isLong ? visible(text.slice(0, END)) : visible(text)
  if (!isLong && shown.length <= room.characters && heightOf(shown) <= room.lines) {
    return { complete: true, head: shown, tail: '', left: { characters: 0, of: shown.length } }
  }
  const half = { characters: Math.floor(room.characters / 2), lines: Math.floor(room.lines / 2) }
  const head = takeUpTo([...shown], half).join('')
  const end = isLong ? visible(text.slice(-END)) : shown.slice(head.length)
  const tail = takeUpTo([...end].reverse(), half)
    .reverse()
    .join('')
  const of = isLong ? text.length : shown.length
  return { complete: false, head, tail, left: { characters: of - head.length - tail.length, of } }
}

/** A short value that stays on its line, in at most `most` UTF-16 units. `complete` is false when it had to be cut. */
export function oneLine(text: string, most: number): { readonly text: string; readonly complete: boolean } {
  // Becoming visible makes no text shorter than this.
  const isLong = text.length > END
  const line = visible(isLong ? text.slice(0, END) : text)
    .replaceAll('\n', '⏎')
    .replaceAll('\t', ' ')
  if (!isLong && line.length <= most) return { text: line, complete: true }
  const start = takeUpTo([...line], { characters: most - 1, lines: Number.POSITIVE_INFINITY })
  return { text: `${start.join('')}…`, complete: false }
}

/** Cuts a visible text into pieces of at most `most` UTF-16 units, at the ends of lines where it can. */
export function piecesOf(shown: string, most: number): readonly string[] {
  const pieces: string[] = []
  let from = 0
  while (shown.length - from > most) {
    const lineEnd = shown.lastIndexOf('\n', from + most - 1)
    let end = lineEnd > from + most / 2 ? lineEnd + 1 : from + most
    // Not through the middle of a character.
    if (/[\uD800-\uDBFF]/.test(shown.charAt(end - 1))) end -= 1
    pieces.push(shown.slice(from, end))
    from = end
  }
  return [...pieces, shown.slice(from)]
}

/** Code as it is: Slack reads no markup, no mentions and no links in it. */
export function codeBlock(text: string): Block {
  const element = { type: 'rich_text_preformatted', elements: [{ type: 'text', text: text === '' ? ' ' : text }] }
  return { type: 'rich_text', elements: [element] }
}

/** Slack reads no markup, mentions or emoji in it. */
export function plainText(text: string): Block {
  return { type: 'plain_text', text: text === '' ? ' ' : text, emoji: false }
}

export function textBlock(text: string): Block {
  return { type: 'section', text: plainText(text) }
}

/** Lines on the screen, long ones broken. */
function heightOf(text: string): number {
  return text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / COLUMNS)), 0)
}

/** From the front: as many characters as fit. */
function takeUpTo(characters: readonly string[], { characters: most, lines }: Room): string[] {
  const taken: string[] = []
  let length = 0
  let height = 1
  let column = 0
  for (const character of characters) {
    length += character.length
    column = character === '\n' ? 0 : column + 1
    if (character === '\n' || column > COLUMNS) height += 1
    if (column > COLUMNS) column = 1
    if (length > most || height > lines) break
    taken.push(character)
  }
  return taken
}
