import type { Operation } from '../../../call.ts'
import { objectName } from '../analysis/objectName.ts'
import type { AnalysisSession } from '../analysis/session.ts'
import { resolveDefinition, toOperation } from '../resolveDefinition.ts'
import type { NamedRelation, Statement, StatementOperation } from '../syntax/classify.ts'
import { QUERY_KINDS } from '../syntax/statementKinds.ts'
import { isObject, type SyntaxNode, walkTree } from '../syntax/walkTree.ts'

const WRITTEN = ['INSERT', 'UPDATE', 'DELETE', 'MERGE']

/**
 * All that a statement may do whose meaning nobody can tell yet, by what its text says: its kinds of change with the
 * relations it names, as they resolve now or, if they are not there, in the first schema of the search path. When its
 * turn comes it is held to this list. Each of them needs a person.
 */
export async function laterOperations(
  session: AnalysisSession,
  statement: Statement,
  protectedTables: ReadonlySet<string>,
): Promise<readonly Operation[]> {
  const operations: Operation[] = []
  const isQuery = (operation: string): boolean => operation === 'SELECT' || WRITTEN.includes(operation)
  const own = statement.operations.filter(({ operation }) => !isQuery(operation))
  if (own.length > 0) {
    // What a query in a definition writes is none of the definition.
    const definition = await resolveDefinition(session, { ...statement, operations: own }, protectedTables)
    operations.push(...definition.operations)
  }
  for (const found of statement.operations) {
    if (!WRITTEN.includes(found.operation)) continue
    const resolved = await resolveNames(session, found.targets)
    operations.push(toOperation(found, { ...placesOf(resolved), columns: [], ...whereOf(statement, found) }))
  }
  const { read, asks } = namesRead(statement)
  if (asks || read.length > 0) {
    const found = statement.operations.find(({ operation }) => operation === 'SELECT')
    const facts = { ...placesOf(await resolveNames(session, read)), columns: [] }
    operations.push({ ...(found === undefined ? SELECT : toOperation(found, {})), facts })
  }
  return operations.map((operation) => ({ ...operation, floor: operation.floor ?? 'require-approval' }))
}

/** Whether it has a WHERE can be told of the statement itself only; in ON CONFLICT and MERGE none chooses the rows. */
function whereOf({ kind }: Statement, { where, because }: StatementOperation): Operation['facts'] {
  const isOwn = because === undefined && ['UpdateStmt', 'DeleteStmt'].includes(kind)
  return isOwn && where !== undefined ? { where: where ? 'present' : 'absent' } : {}
}

const SELECT: Operation = { operation: 'SELECT', otherwise: 'deny', facts: {} }

function placesOf(names: readonly { schema: string; name: string }[]): Operation['facts'] {
  return {
    tables: [...new Set(names.map(({ schema, name }) => objectName(schema, name)))].sort(),
    schemas: [...new Set(names.map(({ schema }) => schema))].sort(),
  }
}

/** The relations that the queries of a statement read, by name; `asks`: a SELECT is reported even without any. */
function namesRead({ inner }: Statement): { readonly read: readonly NamedRelation[]; readonly asks: boolean } {
  if (inner === undefined) return { read: [], asks: false }
  const nodes = [...walkTree(inner)]
  const own = new Set(nodes.flatMap(({ kind, node }) => (kind === 'CommonTableExpr' ? [String(node.ctename)] : [])))
  const read = nodes.flatMap((found): NamedRelation[] => {
    const { kind, node } = found
    if (kind !== 'RangeVar' || (isTarget(found) && !isReturned(found))) return []
    const schema = typeof node.schemaname === 'string' ? node.schemaname : undefined
    // If the name is also a table's, and means that one somewhere, the statement will be stopped.
    return schema === undefined && own.has(String(node.relname)) ? [] : [{ schema, name: String(node.relname) }]
  })
  return { read, asks: inner.kind === 'SelectStmt' }
}

function isTarget({ field, parent }: SyntaxNode): boolean {
  return field === 'relation' && WRITTEN.includes(QUERY_KINDS[parent?.kind ?? ''] ?? '')
}

/** RETURNING answers rows of the table that is written. PostgreSQL 18 has a clause where others have a list. */
function isReturned({ parent }: SyntaxNode): boolean {
  const { returningList, returningClause } = parent?.node ?? {}
  return Array.isArray(returningList) || isObject(returningClause)
}

/** Where names lead now, and what is behind those that are views. */
async function resolveNames(
  session: AnalysisSession,
  names: readonly NamedRelation[],
): Promise<readonly { schema: string; name: string }[]> {
  if (names.length === 0) return []
  const { rows } = await session.query(RESOLVE, [
    names.map(({ schema }) => schema ?? null),
    names.map(({ name }) => name),
  ])
  return rows.map(({ schema, name }) => ({ schema: String(schema), name: String(name) }))
}

const RESOLVE = `
  WITH RECURSIVE named AS (
    SELECT g.schema, g.name, pg_catalog.to_regclass(CASE WHEN g.schema IS NULL THEN pg_catalog.quote_ident(g.name)
             ELSE pg_catalog.quote_ident(g.schema) || '.' || pg_catalog.quote_ident(g.name) END)::oid AS found
      FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS g (schema, name)
  ), reached (relation) AS (
    SELECT found FROM named WHERE found IS NOT NULL
    UNION SELECT d.refobjid FROM reached
      JOIN pg_catalog.pg_class v ON v.oid = reached.relation AND v.relkind = 'v'
      JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass
  )
  SELECT n.nspname AS schema, c.relname AS name FROM reached
    JOIN pg_catalog.pg_class c ON c.oid = reached.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  UNION SELECT coalesce(named.schema, pg_catalog.current_schema(), 'public'), named.name FROM named WHERE found IS NULL
  ORDER BY 1, 2`
