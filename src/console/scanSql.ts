/** A piece of code and what it is for a reader's eye. `added` and `removed` are lines of a diff. */
export interface CodeToken {
  readonly kind: 'keyword' | 'string' | 'name' | 'number' | 'comment' | 'added' | 'removed' | 'plain'
  readonly text: string
}

/**
 * Splits SQL for colouring, by the lexical rules of PostgreSQL (documentation, chapter 4.1). For display only: nothing
 * is judged by it. The texts of the tokens, one after the other, are the input, whatever it is: no character can get
 * lost, and what is not understood is plain.
 */
export function scanSql(sql: string): readonly CodeToken[] {
  const tokens: CodeToken[] = []
  let plain = ''
  let position = 0
  const take = (kind: CodeToken['kind'], end: number) => {
    const text = sql.slice(position, end)
    position = end
    if (kind === 'plain') {
      plain += text
      return
    }
    if (plain !== '') tokens.push({ kind: 'plain', text: plain })
    plain = ''
    tokens.push({ kind, text })
  }
  while (position < sql.length) {
    const [kind, end] = tokenAt(sql, position)
    take(kind, Math.max(end, position + 1))
  }
  if (plain !== '') tokens.push({ kind: 'plain', text: plain })
  return tokens
}

const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const NUMBER = /\d[\w.]*/y
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const PREFIXED_STRING = /^(?:e|b|x|n)$/i

function tokenAt(sql: string, at: number): readonly [CodeToken['kind'], number] {
  const character = sql[at] ?? ''
  if (sql.startsWith('--', at)) return ['comment', endOfLine(sql, at)]
  if (sql.startsWith('/*', at)) return ['comment', endOfComment(sql, at)]
  if (character === "'") return ['string', endOfQuoted(sql, at + 1, "'", false)]
  if (character === '"') return ['name', endOfQuoted(sql, at + 1, '"', false)]
  if (character === '$') {
    const tag = matchAt(DOLLAR_QUOTE, sql, at)
    if (tag === undefined) return ['plain', at + 1]
    const end = sql.indexOf(tag, at + tag.length)
    return ['string', end === -1 ? sql.length : end + tag.length]
  }
  const number = matchAt(NUMBER, sql, at)
  if (number !== undefined) return ['number', at + number.length]
  const word = matchAt(WORD, sql, at)
  if (word === undefined) return ['plain', at + 1]
  const end = at + word.length
  if (sql[end] === "'" && PREFIXED_STRING.test(word)) {
    return ['string', endOfQuoted(sql, end + 1, "'", word.toLowerCase() === 'e')]
  }
  return [KEYWORDS.has(word.toUpperCase()) ? 'keyword' : 'plain', end]
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function endOfLine(sql: string, at: number): number {
  for (let end = at; end < sql.length; end += 1) {
    if (sql[end] === '\n' || sql[end] === '\r') return end
  }
  return sql.length
}

/** Comments nest. */
function endOfComment(sql: string, at: number): number {
  let depth = 0
  for (let position = at; position < sql.length; position += 1) {
    if (sql.startsWith('/*', position)) {
      depth += 1
      position += 1
    } else if (sql.startsWith('*/', position)) {
      depth -= 1
      position += 1
      if (depth === 0) return position + 1
    }
  }
  return sql.length
}

/** A doubled quote is part of the text; in E'' strings so is a quote after a backslash. */
function endOfQuoted(sql: string, from: number, quote: string, backslash: boolean): number {
  for (let position = from; position < sql.length; position += 1) {
    if (backslash && sql[position] === '\\') position += 1
    else if (sql[position] === quote) {
      if (sql[position + 1] !== quote) return position + 1
      position += 1
    }
  }
  return sql.length
}

const KEYWORDS: ReadonlySet<string> = new Set(
  `ADD ALL ALTER ANALYZE AND ANY AS ASC BEGIN BETWEEN BY CALL CASCADE CASE CAST COLUMN COMMENT COMMIT CONFLICT CONSTRAINT
   COPY CREATE CROSS CURRENT DATABASE DEFAULT DELETE DESC DISTINCT DO DROP ELSE END EXCEPT EXECUTE EXISTS EXPLAIN FALSE
   FETCH FILTER FIRST FOR FOREIGN FROM FULL FUNCTION GRANT GROUP HAVING IF ILIKE IN INDEX INNER INSERT INTERSECT INTO IS
   JOIN KEY LATERAL LEFT LIKE LIMIT LOCK MATERIALIZED MERGE NATURAL NOT NOTHING NULL OFFSET ON ONLY OR ORDER OUTER OVER
   PARTITION PRIMARY PROCEDURE RECURSIVE REFERENCES REFRESH RENAME RESTRICT RETURNING REVOKE RIGHT ROLE ROLLBACK ROW ROWS
   SCHEMA SELECT SET SHOW SOME TABLE TEMPORARY THEN TO TRIGGER TRUE TRUNCATE UNION UNIQUE UPDATE USING VACUUM VALUES VIEW
   WHEN WHERE WINDOW WITH`.split(/\s+/),
)
