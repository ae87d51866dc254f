import { diffLines } from 'diff'

/** A run of lines of two texts: in both, only in the first, or only in the second. */
export interface DiffPart {
  readonly kind: 'same' | 'removed' | 'added'
  /** Whole lines; the last one of a text may lack its line feed. */
  readonly text: string
}

/** Two texts that differ in more places than this are shown one after the other: looking for more takes too long. */
const MOST_EDITS = 500

/** What changed between two texts, line by line, complete: the removed and added parts together are the two texts. */
export function diffText(before: string, after: string): readonly DiffPart[] {
  if (before === after) return before === '' ? [] : [{ kind: 'same', text: before }]
  const changes = diffLines(before, after, { maxEditLength: MOST_EDITS })
  if (changes === undefined) {
    return [
      { kind: 'removed', text: before },
      { kind: 'added', text: after },
    ]
  }
  return changes.map(({ added, removed, value }) => ({
    kind: added ? 'added' : removed ? 'removed' : 'same',
    text: value,
  }))
}

/** The same as text: `- ` before what is gone, `+ ` before what is new, two blanks before the rest. */
export function drawDiff(parts: readonly DiffPart[]): string {
  return parts.flatMap(({ kind, text }) => linesOf(text).map((line) => `${SIGNS[kind]}${line}`)).join('\n')
}

/** Lines of a part, without the line feed that ends the last one. */
function linesOf(text: string): readonly string[] {
  return text.replace(/\n$/, '').split('\n')
}

const SIGNS = { same: '  ', removed: '- ', added: '+ ' } as const
