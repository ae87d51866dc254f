import type { PlainLine } from './shellLine.ts'

/** A word that means exactly itself in sh, bash, dash, ksh and zsh, whatever is in it. */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * The one spelling in which a plain line is sent: every word single-quoted, so that no shell of the target expands,
 * splits or joins anything, and no alias or reserved word is seen.
 */
export function emitLine(line: PlainLine): string {
  return line
    .map(({ argv, redirects, joint }) => {
      const words = [...argv.map(quoteWord), ...redirects].join(' ')
      if (joint === undefined) return words
      return joint === ';' ? `; ${words}` : ` ${joint} ${words}`
    })
    .join('')
}
