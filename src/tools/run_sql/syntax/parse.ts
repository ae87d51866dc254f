import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { GateError } from '../../../errors.ts'
import { isObject, type SyntaxNode, unwrap } from './walkTree.ts'

/** The server versions that a parser is bundled for. A statement is parsed as the server that runs it would. */
export type Major = 15 | 16 | 17 | 18

export function isMajor(major: number): major is Major {
  return major >= 15 && major <= 18
}

/** Levels of nodes: each is two levels of the parser's JSON, its kind and its fields. People write less than a hundred. */
const MAX_DEPTH = 1_000

interface Parser {
  loadModule(): Promise<void>
  parseSync(sql: string): { readonly stmts?: readonly RawStatement[] }
}

/** Places are bytes of the UTF-8 text; 0 is left out, and so is the length of what goes on to the end. */
interface RawStatement {
  readonly stmt: unknown
  readonly stmt_location?: number
  readonly stmt_len?: number
}

/** One statement of several, and where it stands: bytes of the UTF-8 text. */
export interface PlacedStatement {
  readonly root: SyntaxNode
  readonly start: number
  readonly end: number
}

const loaded = new Map<Major, Promise<Parser>>()

/**
 * Parses text that passed `checkText` with PostgreSQL's own parser of that major, and requires exactly one statement.
 * Parsers are loaded when first needed.
 */
export async function parseStatement(sql: string, major: Major): Promise<SyntaxNode> {
  const statements = await parseAll(sql, major)
  const [first] = statements
  if (statements.length !== 1 || first === undefined) {
    throw new GateError('ERR_SQL_STATEMENT_COUNT', {
      detail: `The text has ${statements.length}.`,
      facts: { statements: statements.length },
    })
  }
  return first
}

/** The statements of a text; empty for comments only. */
export async function parseAll(sql: string, major: Major): Promise<readonly SyntaxNode[]> {
  return (await parsePlaces(sql, major)).map(({ root }) => root)
}

/** The same, with the place of each. */
export async function parsePlaces(sql: string, major: Major): Promise<readonly PlacedStatement[]> {
  if (sql.trim() === '') return []
  const parser = await (loaded.get(major) ?? load(major))
  try {
    const statements = parser.parseSync(sql).stmts ?? []
    // What is left of the stack decides how deep a tree the parser can return; the answer must not depend on that.
    if (isDeeperThan(MAX_DEPTH, statements)) throw new GateError('ERR_SQL_TOO_COMPLEX')
    const bytes = Buffer.byteLength(sql)
    return statements.map(({ stmt, stmt_location: start = 0, stmt_len: length = 0 }) => ({
      root: unwrap(stmt),
      start,
      end: length === 0 ? bytes : start + length,
    }))
  } catch (error) {
    if (error instanceof GateError) throw error
    const details = isObject(error) ? error.sqlDetails : undefined
    if (!isObject(details)) {
      // A stack overflow inside the parser leaves its memory inconsistent: later parses fail, or never end. Start anew.
      unload(major)
      throw new GateError('ERR_SQL_TOO_COMPLEX', { cause: error })
    }
    const message = String(details.message)
    if (message.startsWith('memory exhausted')) throw new GateError('ERR_SQL_TOO_COMPLEX', { cause: error })
    const position = Number(details.cursorPosition) + 1
    throw new GateError('ERR_SQL_SYNTAX', {
      detail: `At character ${position}: ${message}.`,
      facts: { position },
    })
  }
}

function isDeeperThan(limit: number, root: unknown): boolean {
  let level: readonly unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > 2 * limit) return true
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}

function load(major: Major): Promise<Parser> {
  // A require of its own: the one that loads a module keeps it, and an unloaded parser would stay in memory.
  const parser = createRequire(import.meta.url)(`pq${major}`) as Parser
  const ready = parser.loadModule().then(() => parser)
  loaded.set(major, ready)
  return ready
}

function unload(major: Major): void {
  loaded.delete(major)
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve(`pq${major}`)) + sep
  for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file]
}
