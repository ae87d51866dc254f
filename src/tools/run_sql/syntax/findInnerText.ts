import { GateError } from '../../../errors.ts'
import { type Major, parseAll } from './parse.ts'
import type { SyntaxNode } from './walkTree.ts'

/** A query can begin, and an outer clause after it (WITH NO DATA, WITH CHECK OPTION) too, at these words only. */
const BEGINS = /\b(?:select|insert|update|delete|merge|with|values|table)\b|\(/gi
const MAX_TRIES = 200

/**
 * The exact text of the query inside EXPLAIN or CREATE ... AS. The parser gives no end for it, so places where it could
 * begin and end are tried, and a slice is right when the parser makes the same tree of it.
 */
export async function findInnerText(sql: string, inner: SyntaxNode, major: Major): Promise<string> {
  const wanted = fingerprint(inner)
  const places = [...sql.matchAll(BEGINS)].map(({ index }) => index)
  const ends = [sql.length, ...places.filter((place) => /^with/i.test(sql.slice(place, place + 4))).reverse()]
  let tries = 0
  for (const start of places) {
    for (const end of ends) {
      if (end <= start) continue
      if (++tries > MAX_TRIES) throw new GateError('ERR_SQL_TOO_COMPLEX')
      const slice = sql.slice(start, end)
      const [only, ...more] = await parseAll(slice, major).catch(refused)
      if (only !== undefined && more.length === 0 && fingerprint(only) === wanted) return slice
    }
  }
  throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: 'The query inside the statement could not be told apart.' })
}

function refused(error: unknown): readonly SyntaxNode[] {
  if (error instanceof GateError && error.code !== 'ERR_SQL_TOO_COMPLEX') return []
  throw error
}

/** A tree without the places of its parts in the text. */
export function fingerprint({ kind, node }: SyntaxNode): string {
  return JSON.stringify([kind, node], (key, value: unknown) =>
    /location$|^(?:rexpr_)?list_(?:start|end)$/.test(key) ? undefined : value,
  )
}
