import { GateError } from '../../../errors.ts'
import { fingerprint } from './findInnerText.ts'
import { type Major, parseStatement } from './parse.ts'
import { quoteName } from './quoteName.ts'
import { isObject, type NodeFields, type SyntaxNode, unwrap, walkTree } from './walkTree.ts'

export interface AffectedQueries {
  readonly count: string
  /** Key columns of a few rows. */
  readonly sample: string
  /** Parameters that the two take: the statement's, up to the highest that its WHERE uses. */
  readonly parameters: number
  readonly table: string
  /** The table without its alias, for a look-up in the catalog. */
  readonly bareTable: string
  /** What stands after FROM: the table and the condition. */
  readonly from: string
}

const MAX_TRIES = 200

/**
 * SELECTs over the rows that an UPDATE or DELETE of one table would change. The condition is the caller's exact text:
 * places where it could begin and end are tried, and one is right when the parser makes the same condition of it. USING,
 * FROM and WITH are not attempted.
 */
export async function buildAffectedQuery(
  sql: string,
  root: SyntaxNode,
  major: Major,
  keys: readonly string[],
): Promise<AffectedQueries> {
  const { node } = root
  const relation = node.relation
  const joins = node.usingClause ?? node.fromClause ?? node.withClause
  if (!isObject(relation) || joins !== undefined) throw notBuilt('it joins other tables')
  const table = describeTable(relation)
  const used = parametersIn(node.whereClause)
  const parameters = Math.max(0, ...used)
  const where =
    node.whereClause === undefined
      ? ''
      : ` WHERE (${await findCondition(sql, node, major)})${mentionUnused(used, parameters)}`
  const columns = keys.length === 0 ? ['ctid'] : keys
  const sample = `SELECT ${columns.map(quoteName).join(', ')} FROM ${table}${where}\n LIMIT 5`
  return {
    count: `SELECT count(*) FROM ${table}${where}`,
    sample,
    parameters,
    table,
    bareTable: nameOf(relation),
    from: `${table}${where}`,
  }
}

async function findCondition(sql: string, node: NodeFields, major: Major): Promise<string> {
  const wanted = fingerprint(unwrap(node.whereClause))
  const starts = [...sql.matchAll(/\bwhere\b/gi)].map(({ index }) => index + 'where'.length)
  const ends = [sql.length, ...[...sql.matchAll(/\breturning\b|;/gi)].map(({ index }) => index).reverse()]
  let tries = 0
  for (const start of starts) {
    for (const end of ends) {
      if (end <= start || ++tries > MAX_TRIES) continue
      // The newline ends a comment that the text may end with.
      const condition = `${sql.slice(start, end)}\n`
      const parsed = await parseStatement(`SELECT WHERE (${condition})`, major).catch(refused)
      // The word boundary that was found may stand inside a longer clause, which would then be part of the tree.
      if (parsed === undefined || parsed.node.whereClause === undefined) continue
      const others = [
        'groupClause',
        'havingClause',
        'windowClause',
        'sortClause',
        'limitCount',
        'limitOffset',
        'lockingClause',
        'larg',
      ]
      if (others.some((field) => parsed.node[field] !== undefined)) continue
      if (fingerprint(unwrap(parsed.node.whereClause)) === wanted) return condition
    }
  }
  throw notBuilt('its WHERE could not be told apart')
}

function refused(error: unknown): undefined {
  if (error instanceof GateError && error.code !== 'ERR_SQL_TOO_COMPLEX') return undefined
  throw error
}

function describeTable(relation: NodeFields): string {
  const only = relation.inh === true ? '' : 'ONLY '
  const alias = isObject(relation.alias) ? ` AS ${quoteName(String(relation.alias.aliasname))}` : ''
  return `${only}${nameOf(relation)}${alias}`
}

function nameOf(relation: NodeFields): string {
  const schema = typeof relation.schemaname === 'string' ? `${quoteName(relation.schemaname)}.` : ''
  return `${schema}${quoteName(String(relation.relname))}`
}

function parametersIn(condition: unknown): ReadonlySet<number> {
  if (condition === undefined) return new Set()
  const found = [...walkTree(unwrap(condition))].filter(({ kind }) => kind === 'ParamRef')
  return new Set(found.map(({ node }) => Number(node.number ?? 0)))
}

/** The server wants to know a type for every parameter up to the highest, those of SET included. */
function mentionUnused(used: ReadonlySet<number>, highest: number): string {
  const unused = Array.from({ length: highest }, (_, index) => index + 1).filter((number) => !used.has(number))
  return unused.map((number) => ` AND ($${number}::text IS NOT NULL OR true)`).join('')
}

function notBuilt(why: string): GateError {
  return new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: `No count is made: ${why}.` })
}
