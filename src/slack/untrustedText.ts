import { showHidden } from '../approvals/suspiciousText.ts'
import type { Block } from './slackApi.ts'

/** How much of a text may stand in a message. */
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

/** What of a visible text fits; when not all does, its beginning and its end, which is where people look. */
export function excerptOf(shown: string, room: Room): Excerpt {
  const characters = [...shown]
  const of = characters.length
  if (of <= room.characters && heightOf(shown) <= room.lines) {
    return { complete: true, head: shown, tail: '', left: { characters: 0, of } }
  }
  const half = { characters: Math.floor(room.characters / 2), lines: Math.floor(room.lines / 2) }
  const head = takeUpTo(characters, half)
  const tail = takeUpTo(characters.slice(head.length).reverse(), half).reverse()
  const left = { characters: of - head.length - tail.length, of }
  return { complete: false, head: head.join(''), tail: tail.join(''), left }
}

/** A short value that stays on its line. `complete` is false when it had to be cut. */
export function oneLine(text: string, most: number): { readonly text: string; readonly complete: boolean } {
  const characters = [...visible(text).replaceAll('\n', '⏎').replaceAll('\t', ' ')]
  if (characters.length <= most) return { text: characters.join(''), complete: true }
  return { text: `${characters.slice(0, most - 1).join('')}…`, complete: false }
}

/** Cuts a visible text into pieces of at most `most` UTF-16 units, at the ends of lines where it can. */
export function piecesOf(shown: string, most: number): readonly string[] {
  const pieces: string[] = []
  let rest = shown
  while (rest.length > most) {
    const lineEnd = rest.lastIndexOf('\n', most)
    let end = lineEnd > most / 2 ? lineEnd + 1 : most
    // Not through the middle of a character.
    if (/[\uD800-\uDBFF]/.test(rest.charAt(end - 1))) end -= 1
    pieces.push(rest.slice(0, end))
    rest = rest.slice(end)
  }
  return [...pieces, rest]
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
  let height = 1
  let column = 0
  for (const character of characters.slice(0, most)) {
    column = character === '\n' ? 0 : column + 1
    if (character === '\n' || column > COLUMNS) height += 1
    if (column > COLUMNS) column = 1
    if (height > lines) break
    taken.push(character)
  }
  return taken
}
