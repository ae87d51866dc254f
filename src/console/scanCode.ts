import { type CodeToken, scanSql } from './scanSql.ts'

/**
 * Splits a text for colouring. For display only: nothing is judged by it. The texts of the tokens, one after the other,
 * are the input, whatever it is; what is not understood is plain.
 */
export function scanCode(text: string, language: string | undefined): readonly CodeToken[] {
  switch (language) {
    case 'sql':
      return scanSql(text)
    case 'diff':
      return scanDiff(text)
    case 'shell':
    case 'yaml':
    case 'json':
      return scanWords(text, PATTERNS[language])
    default:
      return [{ kind: 'plain', text }]
  }
}

/** Unified diffs, by the first character of each line. */
function scanDiff(text: string): readonly CodeToken[] {
  return text.split(/(?<=\n)/).map((line): CodeToken => {
    if (/^(?:@@|diff |index |--- |\+\+\+ |commit )/.test(line)) return { kind: 'comment', text: line }
    if (line.startsWith('+')) return { kind: 'added', text: line }
    return { kind: line.startsWith('-') ? 'removed' : 'plain', text: line }
  })
}

/**
 * One alternative for each kind, tried in this order wherever the one before has ended. A quote that never closes takes
 * the rest, and words are tried only where they begin: so that a hostile text costs one pass, not one for each character.
 */
const PATTERNS = {
  shell:
    /(?<string>'[^']*'?|"(?:[^"\\]|\\.)*"?)|(?<keyword>&&|\|\||[|;])|(?<comment>(?<=\s)#[^\n]*)|(?<number>\b\d+\b)/suy,
  yaml: /(?<comment>(?<=^|\s)#[^\n]*)|(?<name>(?<![\w./-])[\w./-]+(?=:(?:\s|$)))|(?<string>'[^'\n]*'?|"(?:[^"\\\n]|\\.)*"?)|(?<number>\b\d+\b)/muy,
  json: /(?<name>"(?:[^"\\\n]|\\.)*"(?=\s?:))|(?<string>"(?:[^"\\\n]|\\.)*"?)|(?<number>-?\b\d[\d.eE+-]*)|(?<keyword>\b(?:true|false|null)\b)/uy,
} as const

function scanWords(text: string, pattern: RegExp): readonly CodeToken[] {
  const tokens: CodeToken[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') tokens.push({ kind: 'plain', text: plain })
    plain = ''
  }
  for (let at = 0; at < text.length; ) {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    const [kind] = Object.entries(found?.groups ?? {}).find(([, value]) => value !== undefined) ?? []
    if (found === null || kind === undefined || found[0] === '') {
      plain += text[at]
      at += 1
      continue
    }
    flush()
    tokens.push({ kind: kind as CodeToken['kind'], text: found[0] })
    at += found[0].length
  }
  flush()
  return tokens
}
