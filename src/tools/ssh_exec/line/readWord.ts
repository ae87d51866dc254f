import type { Word, WordPart } from 'unbash'

/**
 * The value of a word that means the same in every shell, or undefined when it holds anything that is expanded.
 * Expansion is never guessed at: what is not on the list of plain parts is not plain.
 */
export function readWord({ text, value, parts }: Word): string | undefined {
  if (parts === undefined) return isPlainText(text) ? value : undefined
  let joined = ''
  for (const part of parts) {
    const read = readPart(part)
    if (read === undefined) return undefined
    joined += read
  }
  // Two readings of one word: the parser's own, and that of its parts.
  return joined === value ? joined : undefined
}

function readPart(part: WordPart): string | undefined {
  switch (part.type) {
    case 'Literal':
      return isPlainText(part.text) ? part.value : undefined
    case 'SingleQuoted':
      return part.value
    case 'DoubleQuoted': {
      const values = part.parts.map((inner) =>
        inner.type === 'Literal' && !hasLiveDollar(inner.text) ? inner.value : undefined,
      )
      return values.includes(undefined) ? undefined : values.join('')
    }
    default:
      return undefined
  }
}

/**
 * Unquoted text in which every character stands for itself, or is quoted by a backslash before it. A tilde is expanded in
 * more places than one would think (`a=~`, `a:~`), so it is never plain; `!`, `^` and `#` are grammar in some shells.
 */
function isPlainText(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '\\') {
      at++
      if (!/^[\x20-\x7e]$/.test(text[at] ?? '')) return false
    } else if (!PLAIN.test(char)) return false
  }
  return true
}

const PLAIN = /[A-Za-z0-9_./:=@%+,\-{}[\]\u0080-\uffff]/

/** A `$` or a backquote that no backslash takes its meaning from. The parser reads `$` before a quote as itself; so be it, refused. */
function hasLiveDollar(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '$' || text[at] === '`') return true
  }
  return false
}
