import { isObject, type SyntaxNode, walkTree } from './walkTree.ts'

/** A span of the text, in UTF-16 code units. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Every string, number and comment of a statement. The text is read as PostgreSQL's scanner does
 * (standard_conforming_strings on); then each constant that the parser reports must begin where one was found. When one
 * does not, the whole text counts as one literal: hidden rather than shown by mistake.
 */
export function findLiterals(sql: string, root: SyntaxNode): readonly Span[] {
  const { spans, words } = scan(sql)
  // N'x' is to the parser the word N and a string after it.
  const starts = new Set(spans.flatMap(({ start }) => (/[nN]/.test(sql[start] ?? '') ? [start, start + 1] : [start])))
  const offsets = utf16Offsets(sql)
  for (const { kind, node } of walkTree(root)) {
    if (kind !== 'A_Const' || node.isnull === true || isObject(node.boolval)) continue
    const location = Number(node.location ?? 0)
    if (location < 0) continue
    const at = offsets(location)
    // The parser makes constants of words too: `extract(year FROM x)`, `interval '1' day`.
    if (words.has(at)) continue
    if (!starts.has(at) && !starts.has(at + signLength(sql, at))) return [{ start: 0, end: sql.length }]
  }
  return spans
}

/** `-1` is one constant to the parser, and its place is the sign, after which spaces may follow. */
function signLength(sql: string, at: number): number {
  return /^-\s*/.exec(sql.slice(at))?.[0].length ?? 0
}

/** Translates a byte offset of the UTF-8 text into one of the string. */
export function utf16Offsets(sql: string): (bytes: number) => number {
  const bytes = Buffer.from(sql)
  return bytes.length === sql.length ? (offset) => offset : (offset) => bytes.subarray(0, offset).toString().length
}

const SPACE_AND_NEWLINE = /[ \t\f\v]*(?:--[^\r\n]*)?[\r\n]\s*'/y
const IDENTIFIER = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const NUMBER = /(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[A-Za-z0-9_]*/y
const PREFIX = /(?:[eEbBxXnN]|[uU]&)?'/y

function scan(sql: string): { spans: readonly Span[]; words: ReadonlySet<number> } {
  const spans: Span[] = []
  const words = new Set<number>()
  const matchAt = (pattern: RegExp, at: number): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(sql)?.[0]
  }
  for (let at = 0; at < sql.length; ) {
    const start = at
    const prefix = matchAt(PREFIX, at)
    if (prefix !== undefined) {
      at = endOfString(sql, at + prefix.length, /^[eE]/.test(prefix), (position) =>
        matchAt(SPACE_AND_NEWLINE, position),
      )
      spans.push({ start, end: at })
    } else if (sql.startsWith('--', at)) {
      const end = sql.slice(at).search(/[\r\n]/)
      at = end < 0 ? sql.length : at + end
      spans.push({ start, end: at })
    } else if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at)
      spans.push({ start, end: at })
    } else if (sql[at] === '"') {
      at = endOfQuoted(sql, at + 1, '"')
    } else if (sql[at] === '$') {
      const quote = matchAt(DOLLAR_QUOTE, at)
      if (quote === undefined) at += matchAt(/\$\d+/y, at)?.length ?? 1
      else {
        const end = sql.indexOf(quote, at + quote.length)
        at = end < 0 ? sql.length : end + quote.length
        spans.push({ start, end: at })
      }
    } else {
      const word = matchAt(IDENTIFIER, at)
      const number = word === undefined ? matchAt(NUMBER, at) : undefined
      at += word?.length ?? number?.length ?? 1
      if (number !== undefined) spans.push({ start, end: at })
      if (word !== undefined) words.add(start)
    }
  }
  return { spans, words }
}

/** After the closing quote a newline and another quote continue the same literal. */
function endOfString(
  sql: string,
  from: number,
  escapes: boolean,
  continuation: (at: number) => string | undefined,
): number {
  let at = endOfQuoted(sql, from, "'", escapes)
  for (let more = continuation(at); more !== undefined; more = continuation(at)) {
    at = endOfQuoted(sql, at + more.length, "'", escapes)
  }
  return at
}

function endOfQuoted(sql: string, from: number, quote: string, escapes = false): number {
  for (let at = from; at < sql.length; at++) {
    if (escapes && sql[at] === '\\') at++
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1
      at++
    }
  }
  return sql.length
}

/** Comments nest. */
function endOfComment(sql: string, from: number): number {
  let depth = 0
  for (let at = from; at < sql.length; at++) {
    if (sql.startsWith('/*', at)) {
      depth++
      at++
    } else if (sql.startsWith('*/', at)) {
      depth--
      at++
      if (depth === 0) return at + 1
    }
  }
  return sql.length
}
