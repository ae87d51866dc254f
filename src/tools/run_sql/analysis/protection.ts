import { GateError } from '../../../errors.ts'
import { CLEAN, type Taint, union } from './taint.ts'

/** Which columns of which relations hold protected values, partitions and inheritance in both directions included. */
export interface Protection {
  /** Configured columns behind a column; 0 stands for the whole row. */
  columnTaint(relation: number, column: number): Taint
  hasProtected(relation: number): boolean
  /** Every configured column. */
  readonly all: Taint
  /** Every partition, heir and parent, at any distance, also those that have no such column. */
  readonly family: readonly number[]
  /** `users.email` as configured, for `public.users.email` as it is called in facts. */
  labelOf(column: string): string
}

/** The three text arrays that PROTECTED_COLUMNS takes: schemas, tables, columns. */
export function protectedColumnParameters(protect: readonly string[]): readonly (readonly string[])[] {
  const parts = protect.map((entry) => {
    const names = entry.split('.')
    return names.length === 2 ? ['public', ...names] : names
  })
  return [0, 1, 2].map((index) => parts.map((part) => part[index] ?? ''))
}

/**
 * Resolves configured columns by name: the column itself, its namesakes in every partition and heir, and in every
 * parent, because reading a parent reads its children. A parent that has none is told too. Takes $1, $2, $3 and gives one JSON text. `OFFSET 0` keeps the
 * planner on index look-ups, for the catalogs are large and the configured columns few, and what hides the arrays from
 * it keeps it from planning anew for each call.
 */
export const PROTECTED_COLUMNS = `(
  WITH RECURSIVE wanted AS (
    SELECT w.ord, c.oid AS relation, w.column_name
      FROM ROWS FROM (pg_catalog.unnest((SELECT $1::text[])), pg_catalog.unnest((SELECT $2::text[])), pg_catalog.unnest((SELECT $3::text[])))
             WITH ORDINALITY AS w (schema_name, table_name, column_name, ord)
      CROSS JOIN LATERAL (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = w.schema_name OFFSET 0) AS n
      CROSS JOIN LATERAL (
        SELECT oid FROM pg_catalog.pg_class
         WHERE relname = w.table_name AND relnamespace = n.oid AND relkind IN ('r', 'p', 'f', 'v', 'm') OFFSET 0) AS c
  ), heirs AS (
    SELECT ord, relation, column_name FROM wanted
    UNION SELECT h.ord, i.inhrelid, h.column_name FROM heirs h
      CROSS JOIN LATERAL (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = h.relation OFFSET 0) AS i
  ), family AS (
    SELECT ord, relation, column_name FROM heirs
    UNION SELECT f.ord, i.inhparent, f.column_name FROM family f
      CROSS JOIN LATERAL (SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = f.relation OFFSET 0) AS i
  )
  SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'entry', f.ord, 'relation', f.relation::int8, 'column', a.attnum,
      'own', EXISTS (SELECT FROM wanted w WHERE w.ord = f.ord AND w.relation = f.relation)))::text
    FROM family f LEFT JOIN LATERAL (
      SELECT attnum FROM pg_catalog.pg_attribute
       WHERE attrelid = f.relation AND attname = f.column_name AND attnum > 0 AND NOT attisdropped OFFSET 0) AS a ON true
)`

interface ProtectedRow {
  readonly entry: number
  readonly relation: number
  /** Null where it has none of that name. */
  readonly column: number | null
  readonly own: boolean
}

/** Throws ERR_SQL_PROTECTED_COLUMN when a configured column does not exist: a misspelt one would protect nothing. */
export function readProtection(protect: readonly string[], json: string | null): Protection {
  const rows = JSON.parse(json ?? '[]') as ProtectedRow[]
  const found = new Set(rows.filter((row) => row.own && row.column !== null).map((row) => row.entry))
  const missing = protect.find((_, index) => !found.has(index + 1))
  if (missing !== undefined) {
    throw new GateError('ERR_SQL_PROTECTED_COLUMN', { detail: `There is no column ${missing}.` })
  }
  const byRelation = new Map<number, Map<number, Taint>>()
  const labels = new Map<string, string>()
  for (const { entry, relation, column } of rows) {
    if (column === null) continue
    const label = protect[entry - 1] ?? ''
    const name = canonicalName(label)
    labels.set(name, label)
    const columns = byRelation.get(relation) ?? new Map<number, Taint>()
    byRelation.set(relation, columns.set(column, union([columns.get(column) ?? CLEAN, new Set([name])])))
  }
  return {
    columnTaint(relation, column) {
      const columns = byRelation.get(relation)
      if (columns === undefined) return CLEAN
      return column === 0 ? union(columns.values()) : (columns.get(column) ?? CLEAN)
    },
    all: new Set(labels.keys()),
    family: [...new Set(rows.map(({ relation }) => relation))],
    hasProtected: (relation) => byRelation.has(relation),
    labelOf: (column) => labels.get(column) ?? column,
  }
}

const canonicalName = (entry: string): string => (entry.split('.').length === 2 ? `public.${entry}` : entry)
