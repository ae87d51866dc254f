import { setTimeout } from 'node:timers/promises'
import { GateError } from '../../errors.ts'
import type { Preview } from '../tool.ts'
import { analyze } from './analysis/analyze.ts'
import type { ConnectionPools } from './connectionPools.ts'
import { convertValue, typeName } from './convertValue.ts'
import type { OpenStatement } from './execute.ts'
import { findCascadingKeys } from './previewCascades.ts'
import { previewPlan } from './previewPlan.ts'
import { buildAffectedQuery } from './syntax/buildAffectedQuery.ts'
import { unwrap } from './syntax/walkTree.ts'

/** A preview must not become a load of its own. */
const TIMEOUT_MS = 3_000
const SAMPLE_ROWS = 5

/**
 * Where protected columns choose the rows, nobody has approved that yet: the caller must see nothing of the counting,
 * not how long it takes nor whether it fails. It gets this long, and always takes it.
 */
const HIDDEN_MS = 1_000
const HIDDEN_MARGIN_MS = 250

/**
 * What a write would hit: the plan's estimate, a count of the rows its FROM and WHERE choose, and a few of them. Runs on
 * the read role in a READ ONLY transaction, and only when nothing but harmless functions take part in choosing.
 */
export async function previewStatement(
  open: OpenStatement,
  pools: ConnectionPools,
  signal: AbortSignal,
): Promise<Preview | undefined> {
  const { statement, judgement } = open
  if (statement.effect === 'read') return undefined
  const lines = judgement.operations
    .filter(({ operation }) => /^(?:cascade|trigger|rule|foreign|function|code|copy|protected):/.test(operation))
    .map(({ operation, because }) => (because === undefined ? operation : `${operation}: ${because}`))
  const plan = statement.form === 'query' ? await previewPlan(open) : undefined
  const known = plan === undefined ? lines : [plan, ...lines]
  const uncounted = (why: string) => ({ rows: undefined, lines: known, sample: undefined, missing: [why] })
  const inserted = countInserted(statement.root)
  if (inserted !== undefined) {
    return { rows: inserted, lines: [rowsOf(inserted, 'to insert'), ...lines], sample: undefined, missing: [] }
  }
  if (statement.kind !== 'UpdateStmt' && statement.kind !== 'DeleteStmt') {
    return uncounted('Rows can be counted for UPDATE and DELETE only.')
  }
  const isHidden = (judgement.analysis?.protectedInPredicates.length ?? 0) > 0
  const end = performance.now() + HIDDEN_MS + HIDDEN_MARGIN_MS
  try {
    const counted = await countAffected(open, pools, isHidden ? HIDDEN_MS : undefined, signal)
    return { ...counted, lines: [...counted.lines, ...known] }
  } catch (error) {
    signal.throwIfAborted()
    if (!isHidden) return uncounted(whyMissing(error))
    return { rows: undefined, lines: [whyMissing(error), ...known], sample: undefined, missing: [] }
  } finally {
    if (isHidden) await setTimeout(Math.max(0, end - performance.now()), undefined, { signal }).catch(() => undefined)
  }
}

async function countAffected(
  open: OpenStatement,
  pools: ConnectionPools,
  limitMs: number | undefined,
  signal: AbortSignal,
): Promise<Preview> {
  const { sql, params, settings, connectionName } = open
  const session = await pools.pool(connectionName, 'read', settings).take(signal)
  const cancel = (): void => void session.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    await session.query('BEGIN READ WRITE')
    await session.query(`SET LOCAL statement_timeout = ${Math.min(TIMEOUT_MS, settings.limits.statementTimeout)}`)
    const queries = await buildAffectedQuery(sql, open.statement.root, session.major, await keyColumns(session, open))
    // The count and the sample are queries of our making over the caller's words: they are judged like the caller's.
    const keys = open.statement.kind === 'DeleteStmt' ? await findCascadingKeys(session, queries) : []
    const analyses = []
    for (const text of [queries.count, queries.sample, ...keys.map((key) => key.count)]) {
      analyses.push(
        await analyze(
          session,
          { sql: text, parameterCount: queries.parameters, destination: 'caller' },
          { ...settings, predicates: 'allow' },
        ),
      )
    }
    const [, sampled] = analyses
    if (analyses.some(({ operations }) => operations.some(({ operation }) => operation !== 'SELECT'))) {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', {
        detail: 'Choosing the rows calls functions that are not known to be harmless.',
      })
    }
    if (limitMs !== undefined) {
      await session.query(`SET LOCAL statement_timeout = ${Math.floor(limitMs / (2 + keys.length))}`)
    }
    await session.query('SET TRANSACTION READ ONLY')
    const bound = { params: params.slice(0, queries.parameters), types: [], maxBytes: 4 * 1024 * 1024 }
    const count = await session.run({ ...bound, text: queries.count, maxRows: 1 })
    const sample = await session.run({ ...bound, text: queries.sample, maxRows: SAMPLE_ROWS })
    const rows = Number(count.rows[0]?.[0])
    const lines = [rowsOf(rows, `of ${queries.table}`)]
    for (const key of keys) {
      const refer = await session.run({ ...bound, text: key.count, maxRows: 1 })
      lines.push(rowsOf(Number(refer.rows[0]?.[0]), `of ${key.name} ${key.change} with them`))
    }
    return {
      rows,
      lines,
      sample: {
        columns: sample.fields.map(({ name, typeId }, index) => ({
          name,
          type: typeName(typeId),
          protectedBy: sampled?.outputs[index]?.protectedBy ?? ['unknown'],
        })),
        rows: sample.rows.map((row) =>
          row.map((value, index) => convertValue(value, sample.fields[index]?.typeId ?? 0)),
        ),
      },
      missing: [],
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    session.release()
  }
}

/** INSERT ... VALUES says itself how many rows it makes (at most, with ON CONFLICT). Undefined for any other statement. */
function countInserted({ kind, node }: OpenStatement['statement']['root']): number | undefined {
  if (kind !== 'InsertStmt' || node.withClause !== undefined) return undefined
  // INSERT ... DEFAULT VALUES has no query.
  if (node.selectStmt === undefined) return 1
  const { valuesLists } = unwrap(node.selectStmt).node
  return Array.isArray(valuesLists) ? valuesLists.length : undefined
}

function rowsOf(count: number, what: string): string {
  return `${count} ${count === 1 ? 'row' : 'rows'} ${what}`
}

/** The primary key, by which people recognise a row. */
async function keyColumns(
  session: {
    query(text: string, params: readonly unknown[]): Promise<{ rows: readonly Readonly<Record<string, unknown>>[] }>
  },
  { statement }: OpenStatement,
): Promise<readonly string[]> {
  const target = statement.operations.find(({ operation }) => operation === 'UPDATE' || operation === 'DELETE')
    ?.targets[0]
  if (target === undefined) return []
  const { rows } = await session.query(
    `SELECT a.attname AS name FROM pg_catalog.pg_index i
       JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indisprimary AND i.indrelid = pg_catalog.to_regclass(
        CASE WHEN $1::text IS NULL THEN pg_catalog.quote_ident($2) ELSE pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2) END)
      ORDER BY array_position(i.indkey::int2[], a.attnum)`,
    [target.schema ?? null, target.name],
  )
  return rows.map(({ name }) => String(name))
}

function whyMissing(error: unknown): string {
  if (error instanceof GateError) return `The rows could not be counted: ${error.detail ?? error.message}`
  const { code } = error as { code?: unknown }
  return code === '57014' ? 'Counting the rows took too long.' : 'The rows could not be counted.'
}
