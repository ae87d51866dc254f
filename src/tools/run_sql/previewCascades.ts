import type { AffectedQueries } from './syntax/buildAffectedQuery.ts'
import { quoteName } from './syntax/quoteName.ts'

interface Rows {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** One foreign key by which a DELETE of the table changes rows of another. */
export interface CascadingKey {
  /** `"public"."job_logs"` */
  readonly table: string
  /** `public.job_logs`, as the operation names it. */
  readonly name: string
  readonly change: 'deleted' | 'updated'
  readonly count: string
}

/** More than this many counts would make the preview a load of its own. */
const MAX_KEYS = 10

/** The keys that refer to the table directly. What refers to those in turn is named by the operations, not counted. */
const KEYS = `
  SELECT n.nspname AS schema, r.relname AS name, c.confdeltype::text AS action,
         ARRAY(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY k(num, pos) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num ORDER BY k.pos)::text[] AS columns,
         ARRAY(SELECT a.attname FROM unnest(c.confkey) WITH ORDINALITY k(num, pos) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num ORDER BY k.pos)::text[] AS keys
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
   WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confdeltype IN ('c', 'n', 'd')
     AND c.confrelid = pg_catalog.to_regclass($1)
   ORDER BY 1, 2 LIMIT ${MAX_KEYS}`

/** Queries that count what a DELETE of the rows in `affected` would do to the tables that refer to them. */
export async function findCascadingKeys(
  session: { query(text: string, params: readonly unknown[]): Promise<Rows> },
  { bareTable, from }: AffectedQueries,
): Promise<readonly CascadingKey[]> {
  const { rows } = await session.query(KEYS, [bareTable])
  return rows.map(({ schema, name, action, columns, keys }) => {
    const table = `${quoteName(String(schema))}.${quoteName(String(name))}`
    // The caller's condition stays in a query of its own, where no name of the other table can be meant.
    const hit = `SELECT ${list(keys)} FROM ${from}`
    return {
      table,
      name: `${schema}.${name}`,
      change: action === 'c' ? 'deleted' : 'updated',
      count: `SELECT count(*) FROM ${table} WHERE (${list(columns)}) IN (${hit})`,
    }
  })
}

function list(names: unknown): string {
  return (names as readonly string[]).map(quoteName).join(', ')
}
