import * as z from 'zod'
import { connectionName, idempotencyKey, reason } from '../callFields.ts'
import type { OpenTool, Tool, ToolParts } from '../tool.ts'
import { createConnectionPools } from './connectionPools.ts'
import { lookUpOutcome } from './lookUpOutcome.ts'
import { MATCH_KEYS } from './matchKeys.ts'
import { understandScript } from './script/understandScript.ts'
import { selfTest } from './selfTest.ts'
import type { PostgresConnection } from './settings.ts'
import { QUERY_KINDS, STATEMENT_KINDS } from './syntax/statementKinds.ts'
import { understand } from './understand.ts'

const input = z.strictObject({
  connection: connectionName,
  sql: z
    .string()
    .describe(
      'One PostgreSQL statement (several with script), run in a transaction of its own. Values of masked columns cannot be used in it.',
    ),
  script: z
    .boolean()
    .default(false)
    .describe(
      'True: sql holds up to 100 statements, separated by semicolons, that run in one transaction, all or none; without params. For migrations and changes that belong together. Their rows are not returned.',
    ),
  params: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .max(1000)
    .default([])
    .describe('Values for $1, $2, ... in the statement.'),
  reason,
  idempotency_key: idempotencyKey,
})

/** Families of operations, beside the statements. */
const FAMILIES = [
  'function:*',
  'predicate:*',
  'copy:*',
  'cascade:*',
  'trigger:*',
  'rule:*',
  'foreign:*',
  'catalog:*',
  'code:*',
  'protected:*',
  'script:*',
]

const OPERATIONS = [
  ...new Set([
    ...Object.values(QUERY_KINDS),
    ...Object.values(STATEMENT_KINDS).map(({ operation }) => operation),
    'REVOKE',
    'ANALYZE',
    'SHOW',
    'LOCK',
    ...FAMILIES,
  ]),
]

export function createRunSql({
  readSecret,
  connections,
}: Pick<ToolParts<PostgresConnection>, 'readSecret' | 'connections'>): OpenTool {
  const pools = createConnectionPools(connections, readSecret)
  const tool: Tool = {
    name: 'run_sql',
    title: 'Run SQL',
    description:
      'Runs one PostgreSQL statement on a connection. Reads answer at once where policy allows; protected columns come back masked. Changes may need a person’s approval first; the answer then says how to wait for it.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input,
    connectionType: 'postgres',
    operations: OPERATIONS,
    match: MATCH_KEYS,
    understand: (args, connectionName, signal, _ownSpace, onLikely) => {
      const { sql, params, script } = input.parse(args)
      if (script) return understandScript(pools, { sql, params }, connectionName, signal)
      return understand(pools, { sql, params }, connectionName, signal, onLikely)
    },
  }
  return {
    tool,
    lookUpOutcome: (connectionName, ref) => lookUpOutcome(pools, connectionName, ref),
    selfTest: (connectionName) => selfTest(pools, connectionName),
    reconnect: () => pools.reconnect(),
    close: () => pools.close(),
  }
}
