import { GateError } from '../../../errors.ts'
import { PROTECTED_COLUMNS, type Protection, protectedColumnParameters, readProtection } from './protection.ts'
import { readNodeTree, type TreeNode } from './readNodeTree.ts'
import type { AnalysisSession } from './session.ts'
import { isNode, nodesIn } from './treeFields.ts'

export interface StatementTree {
  readonly query: TreeNode
  /** The types the server infers for $1, $2, ..., as SQL type names. */
  readonly parameterTypes: readonly string[]
  readonly protection: Protection
}

const NAME = 'countersign_analysis'

/** A tree of more text than this is refused: 64 KiB of statement make a few MB. */
const MAX_TREE = 24 * 1024 * 1024

/**
 * Lets the server analyse a statement, and reads the result. The statement becomes the body of a temporary procedure:
 * its analysed form is stored, nothing of it is planned or executed, and the procedure is dropped at once. The locks of
 * the analysis stay until the transaction ends, so what was analysed cannot be redefined before it runs.
 *
 * `sql` is one statement that the server's own parser accepted as one statement. The frame holds it because of that, on
 * a line of its own (a trailing `--` comment ends there), followed by a `;` (empty statements are nothing); the extended
 * protocol refuses a second command, and a body of anything but one query is refused here.
 *
 * Known limits. PostgreSQL converts literals while it analyses, before anything can be judged: `'{x}'::code[]` runs the
 * CHECK of the domain `code`, on a value that the caller chose, in a transaction that is rolled back unless the
 * statement is cleared later. Event triggers for CREATE and DROP PROCEDURE fire, where somebody made some.
 */
export async function readStatementTree(
  session: AnalysisSession,
  sql: string,
  parameterCount: number,
  protect: readonly string[],
): Promise<StatementTree> {
  const parameterTypes = parameterCount === 0 ? [] : await inferParameterTypes(session, sql)
  const [, found, , marked] = await session.batch([
    {
      text: `CREATE PROCEDURE pg_temp.${NAME}(${parameterTypes.join(', ')}) LANGUAGE sql BEGIN ATOMIC\n${sql}\n;\nEND`,
    },
    { text: TREE, name: TREE_QUESTION },
    { text: `DROP PROCEDURE pg_temp.${NAME}` },
    { text: PROTECTION, params: protectedColumnParameters(protect), name: PROTECTION_QUESTION },
  ])
  const tree = found?.rows[0]?.tree
  const protection = marked?.rows[0]?.protection
  if (typeof tree !== 'string') throw new GateError('ERR_SQL_NOT_UNDERSTOOD')
  if (tree.length > MAX_TREE) throw new GateError('ERR_SQL_TOO_COMPLEX')
  const protectedColumns = typeof protection === 'string' ? protection : null
  return { query: onlyQuery(tree), parameterTypes, protection: readProtection(protect, protectedColumns) }
}

/** The name of the question whose answer is what the text means. All others ask about the objects behind it. */
export const TREE_QUESTION = 'countersign_tree'

/** The name of the question which columns are protected, through every partition, heir and parent. */
export const PROTECTION_QUESTION = 'countersign_protection'

const PROTECTION = `SELECT ${PROTECTED_COLUMNS} AS protection`

const TREE = `SELECT p.prosqlbody::text AS tree FROM pg_catalog.pg_proc p WHERE p.proname = '${NAME}' AND p.pronamespace = pg_catalog.pg_my_temp_schema()`

/** The server's inference is the same when the statement runs, because the text and the search path are. */
async function inferParameterTypes(session: AnalysisSession, sql: string): Promise<readonly string[]> {
  const [, found] = await session.batch([
    { text: `PREPARE ${NAME} AS\n${sql}` },
    { text: PARAMETER_TYPES, name: 'countersign_parameters' },
    { text: `DEALLOCATE ${NAME}` },
  ])
  return JSON.parse(String(found?.rows[0]?.types ?? '[]')) as string[]
}

const PARAMETER_TYPES = `SELECT pg_catalog.json_agg(t.type::text ORDER BY t.ord)::text AS types FROM pg_catalog.pg_prepared_statements s
    CROSS JOIN LATERAL pg_catalog.unnest(s.parameter_types) WITH ORDINALITY AS t (type, ord)
   WHERE s.name = '${NAME}'`

/** The body is a list of statements, each a list of the queries that rewriting rules made of it: one and one here. */
function onlyQuery(text: string): TreeNode {
  const body = readNodeTree(text)
  const statements = Array.isArray(body) ? body : [body]
  const queries = statements.flatMap((statement) => (isNode(statement) ? [statement] : nodesIn(statement, 'body')))
  const [query] = queries
  // RETURN is a statement only inside of a body: alone it is none.
  const isReturn = query?.fields.get('isReturn') !== 'false'
  if (query === undefined || queries.length !== 1 || query.tag !== 'QUERY' || isReturn) {
    throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: 'It is not one query.' })
  }
  return query
}
