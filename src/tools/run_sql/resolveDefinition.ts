import type { Fact, Operation } from '../../call.ts'
import { objectName } from './analysis/objectName.ts'
import type { AnalysisSession } from './analysis/session.ts'
import { mentionedRelations, type NamedRelation, type Statement, type StatementOperation } from './syntax/classify.ts'

/** What definitions (CREATE, ALTER, DROP, TRUNCATE, GRANT, ...) do, with names resolved at the server. */
export interface ResolvedDefinition {
  readonly operations: readonly Operation[]
  /** Object ids of what is named; the same when the statement runs. */
  readonly objects: readonly (readonly [number, string])[]
}

/** More consequences than a person can review are not listed one by one. */
const MAX_CASCADE = 200

/**
 * Resolves the objects of a definition, follows CASCADE through the server's own dependency records, and marks tables
 * with protected columns: redefining one of those can take its protection away, so a person has to look.
 */
export async function resolveDefinition(
  session: AnalysisSession,
  statement: Statement,
  protectedTables: ReadonlySet<string>,
): Promise<ResolvedDefinition> {
  const operations: Operation[] = []
  const objects = new Map<number, string>()
  for (const found of statement.operations) {
    const tables: string[] = []
    const schemas: string[] = []
    for (const target of found.targets) {
      const resolved = await resolve(session, target)
      if (resolved.oid !== undefined) objects.set(resolved.oid, resolved.name)
      tables.push(resolved.name)
      schemas.push(resolved.schema)
    }
    operations.push(
      toOperation(found, tables.length === 0 ? {} : { tables: sortedSet(tables), schemas: sortedSet(schemas) }),
    )
  }
  operations.push(...(await protectedOperations(session, statement, protectedTables)))
  operations.push(...(await cascades(session, statement, [...objects.keys()])))
  if (statement.kind === 'TruncateStmt') operations.push(...(await truncateTriggers(session, [...objects.keys()])))
  return { operations, objects: [...objects].sort(([a], [b]) => a - b) }
}

/** Definitions that cannot open a protected column to anybody. */
const HARMLESS = ['CommentStmt', 'VacuumStmt', 'RefreshMatViewStmt', 'CreateTableAsStmt', 'ViewStmt']

async function protectedOperations(
  session: AnalysisSession,
  { root, kind, operations }: Statement,
  protectedTables: ReadonlySet<string>,
): Promise<readonly Operation[]> {
  if (HARMLESS.includes(kind) || protectedTables.size === 0) return []
  const named = [...operations.flatMap(({ targets }) => targets), ...mentionedRelations(root)]
  const tables: string[] = []
  for (const target of named) tables.push((await resolve(session, target)).name)
  const touched = sortedSet(tables).filter((name) => protectedTables.has(name))
  // GRANT ... ON ALL TABLES and default privileges name none, and reach any.
  const isWide = ['GrantStmt', 'AlterDefaultPrivilegesStmt'].includes(kind) && named.length === 0
  return (isWide ? ['*'] : touched).map((table) => ({
    operation: `protected:${table}`,
    otherwise: 'require-approval',
    floor: 'require-approval',
    because: 'a definition can rename, copy or open the protected columns to others',
    facts: { tables: isWide ? [...protectedTables].sort() : [table] },
  }))
}

/** An operation of the text alone, for what never reaches the server, or has been resolved already. */
export function toOperation(found: StatementOperation, facts: Readonly<Record<string, Fact>>): Operation {
  return {
    operation: found.operation,
    otherwise: found.otherwise,
    ...(found.floor === undefined ? {} : { floor: found.floor }),
    ...(found.because === undefined ? {} : { because: found.because }),
    facts,
  }
}

async function resolve(
  session: AnalysisSession,
  { schema, name }: NamedRelation,
): Promise<{ oid: number | undefined; schema: string; name: string }> {
  const { rows } = await session.query(
    `SELECT c.oid::int8::text AS oid, coalesce(n.nspname, $1::text, pg_catalog.current_schema()) AS schema
       FROM (SELECT pg_catalog.to_regclass(
               CASE WHEN $1::text IS NULL THEN pg_catalog.quote_ident($2::text)
                    ELSE pg_catalog.quote_ident($1::text) || '.' || pg_catalog.quote_ident($2::text) END)::oid AS found) r
       LEFT JOIN pg_catalog.pg_class c ON c.oid = r.found
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
    [schema ?? null, name],
  )
  const row = rows[0] as { oid: string | null; schema: string | null } | undefined
  const found = row?.schema ?? schema ?? 'public'
  return { oid: row?.oid == null ? undefined : Number(row.oid), schema: found, name: objectName(found, name) }
}

/** DROP and ALTER follow pg_depend (a view's rule stands for the view); TRUNCATE follows foreign keys. */
async function cascades(
  session: AnalysisSession,
  statement: Statement,
  oids: readonly number[],
): Promise<readonly Operation[]> {
  const { node, kind } = statement.root
  if (node.behavior !== 'DROP_CASCADE') return []
  if (oids.length === 0) {
    return [
      {
        operation: 'cascade:*',
        otherwise: 'require-approval',
        floor: 'require-approval',
        because: 'CASCADE takes everything along that depends on it',
        facts: {},
      },
    ]
  }
  const { rows } = await session.query(kind === 'TruncateStmt' ? REFERENCING : DEPENDENTS, [oids.map(String)])
  return rows.map(({ name }) => ({
    operation: `cascade:${String(name)}`,
    otherwise: 'require-approval',
    because: `CASCADE takes ${String(name)} along`,
    facts: {},
  }))
}

const DEPENDENTS = `
  WITH RECURSIVE dropped (class, object) AS (
    SELECT 'pg_catalog.pg_class'::regclass::oid, o::oid FROM pg_catalog.unnest($1::text[]) o
    UNION
    SELECT next.class, next.object FROM dropped
      CROSS JOIN LATERAL (
        SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
         WHERE d.refclassid = dropped.class AND d.refobjid = dropped.object AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
        UNION ALL
        SELECT 'pg_catalog.pg_class'::regclass::oid, r.ev_class FROM pg_catalog.pg_rewrite r
         WHERE dropped.class = 'pg_catalog.pg_rewrite'::regclass AND r.oid = dropped.object
      ) AS next (class, object)
  )
  SELECT DISTINCT i.identity AS name FROM dropped
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(dropped.class, dropped.object, 0) i
   WHERE NOT (dropped.class = 'pg_catalog.pg_class'::regclass AND dropped.object::text = ANY ($1::text[]))
     -- What belongs to a named object (its keys, sequences, triggers) goes with it in any case.
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend own WHERE own.classid = dropped.class AND own.objid = dropped.object
       AND own.refclassid = 'pg_catalog.pg_class'::regclass AND own.refobjid::text = ANY ($1::text[]) AND own.deptype IN ('a', 'i'))
     -- How a foreign key is kept is not a thing of its own to lose.
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE dropped.class = 'pg_catalog.pg_trigger'::regclass AND t.oid = dropped.object AND t.tgisinternal)
     AND i.type IN ('table', 'view', 'materialized view', 'foreign table', 'table constraint', 'function', 'procedure', 'sequence', 'trigger', 'policy')
   ORDER BY 1 LIMIT ${MAX_CASCADE}`

const REFERENCING = `
  WITH RECURSIVE emptied (relation) AS (
    SELECT o::oid FROM pg_catalog.unnest($1::text[]) o
    UNION SELECT k.conrelid FROM emptied JOIN pg_catalog.pg_constraint k ON k.confrelid = emptied.relation AND k.contype = 'f'
  )
  SELECT n.nspname || '.' || c.relname AS name FROM emptied
    JOIN pg_catalog.pg_class c ON c.oid = emptied.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE emptied.relation::text <> ALL ($1::text[]) ORDER BY 1 LIMIT ${MAX_CASCADE}`

async function truncateTriggers(session: AnalysisSession, oids: readonly number[]): Promise<readonly Operation[]> {
  const { rows } = await session.query(
    `SELECT n.nspname || '.' || c.relname || '.' || t.tgname AS name FROM pg_catalog.pg_trigger t
       JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgrelid::text = ANY ($1::text[]) AND NOT t.tgisinternal AND (t.tgtype & 32) <> 0 ORDER BY 1`,
    [oids.map(String)],
  )
  return rows.map(({ name }) => ({
    operation: `trigger:${String(name)}`,
    otherwise: 'require-approval',
    because: 'a TRUNCATE trigger runs',
    facts: {},
  }))
}

function sortedSet(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}
