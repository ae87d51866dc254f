import type { AnalysisSession } from './session.ts'

/** What the catalog says happens by itself when rows of a table are written. */
export interface ConsequenceFacts {
  /** Partitions and heirs, each with the table they were reached from. */
  readonly family: readonly { readonly root: number; readonly relation: number }[]
  readonly triggers: readonly TriggerFacts[]
  readonly rules: readonly RuleFacts[]
  readonly keys: readonly ForeignKeyFacts[]
  readonly expressions: readonly ExpressionFacts[]
  readonly uniques: readonly { readonly relation: number; readonly columns: readonly number[] }[]
}

export interface TriggerFacts {
  readonly oid: number
  readonly relation: number
  readonly name: string
  /** pg_trigger.tgtype: 4 INSERT, 8 DELETE, 16 UPDATE. */
  readonly events: number
  /** The trigger of the parent table that this one is a copy of, 0 for none. */
  readonly copyOf: number
  readonly functionId: number
  readonly version: string
}

export interface RuleFacts {
  readonly oid: number
  readonly relation: number
  readonly name: string
  /** pg_rewrite.ev_type: 2 UPDATE, 3 INSERT, 4 DELETE. */
  readonly event: string
  readonly version: string
}

export interface ForeignKeyFacts {
  readonly oid: number
  /** The table that refers, and the one that is referred to. */
  readonly from: number
  readonly to: number
  readonly fromColumns: readonly number[]
  readonly toColumns: readonly number[]
  /** a no action, r restrict, c cascade, n set null, d set default. */
  readonly onDelete: string
  readonly onUpdate: string
}

interface ExpressionFacts {
  readonly relation: number
  readonly kind: 'default' | 'generated' | 'check' | 'index'
  readonly tree: string
}

/** Reads what hangs on these tables and their partitions and heirs, in one round trip. */
export async function readConsequenceFacts(
  session: AnalysisSession,
  relations: readonly number[],
): Promise<ConsequenceFacts> {
  const { rows } = await session.query(CONSEQUENCES, [relations], 'countersign_consequences')
  const row = rows[0] as Readonly<Record<string, string | null>>
  const list = <T>(name: string): T[] => JSON.parse(row[name] ?? '[]') as T[]
  return {
    family: list('family'),
    triggers: list('triggers'),
    rules: list('rules'),
    keys: list('keys'),
    expressions: list('expressions'),
    uniques: list('uniques'),
  }
}

/** The columns that a constraint is about. */
export async function readConstraintColumns(session: AnalysisSession, constraint: number): Promise<readonly number[]> {
  const { rows } = await session.query(
    'SELECT pg_catalog.to_json(conkey)::text AS columns FROM pg_catalog.pg_constraint WHERE oid = $1',
    [constraint],
    'countersign_constraint',
  )
  return JSON.parse(String(rows[0]?.columns ?? '[]')) as number[]
}

const VERSION = (alias: string): string => `${alias}.xmin::text || '/' || ${alias}.ctid::text`

const listOf = (fields: string, from: string): string =>
  `(SELECT pg_catalog.json_agg(pg_catalog.json_build_object(${fields}))::text FROM ${from})`

/** `OFFSET 0` keeps the planner on index look-ups: the catalogs are large, the tables of one statement few. */
const ofMembers = (catalog: string, alias: string, condition: string): string =>
  `members m CROSS JOIN LATERAL (SELECT xmin, ctid, * FROM pg_catalog.${catalog} WHERE ${condition} OFFSET 0) AS ${alias}`

const CONSEQUENCES = `WITH RECURSIVE family AS (
    SELECT r AS root, r AS relation FROM pg_catalog.unnest((SELECT $1::oid[])) AS given (r)
    UNION SELECT f.root, i.inhrelid FROM family f
      CROSS JOIN LATERAL (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = f.relation OFFSET 0) AS i
  ), members AS (SELECT DISTINCT relation FROM family)
SELECT ${listOf(`'root', root::int8, 'relation', relation::int8`, 'family')} AS family,
  ${listOf(
    `'oid', t.oid::int8, 'relation', t.tgrelid::int8, 'name', t.tgname, 'events', t.tgtype, 'copyOf', t.tgparentid::int8,
     'functionId', t.tgfoid::int8, 'version', ${VERSION('t')}`,
    ofMembers('pg_trigger', 't', `tgrelid = m.relation AND NOT tgisinternal AND tgenabled <> 'D'`),
  )} AS triggers,
  ${listOf(
    `'oid', r.oid::int8, 'relation', r.ev_class::int8, 'name', r.rulename, 'event', r.ev_type, 'version', ${VERSION('r')}`,
    ofMembers('pg_rewrite', 'r', `ev_class = m.relation AND ev_type <> '1' AND ev_enabled <> 'D'`),
  )} AS rules,
  ${listOf(
    `'oid', k.oid::int8, 'from', k.conrelid::int8, 'to', k.confrelid::int8, 'fromColumns', k.conkey, 'toColumns', k.confkey,
     'onDelete', k.confdeltype, 'onUpdate', k.confupdtype`,
    // No index leads from a table to the keys that refer to it.
    `pg_catalog.pg_constraint k WHERE k.contype = 'f'
       AND (k.confrelid IN (SELECT relation FROM members) OR k.conrelid IN (SELECT relation FROM members))`,
  )} AS keys,
  (SELECT pg_catalog.json_agg(e)::text FROM (
     SELECT d.adrelid::int8 AS relation, CASE a.attgenerated WHEN '' THEN 'default' ELSE 'generated' END AS kind, d.adbin::text AS tree
       FROM ${ofMembers('pg_attrdef', 'd', 'adrelid = m.relation')}
      CROSS JOIN LATERAL (SELECT attgenerated FROM pg_catalog.pg_attribute WHERE attrelid = d.adrelid AND attnum = d.adnum OFFSET 0) AS a
     UNION ALL
     SELECT k.conrelid::int8, 'check', k.conbin::text
       FROM ${ofMembers('pg_constraint', 'k', `conrelid = m.relation AND contype = 'c'`)}
     UNION ALL
     SELECT x.indrelid::int8, 'index', part.tree
       FROM ${ofMembers('pg_index', 'x', 'indrelid = m.relation AND (indexprs IS NOT NULL OR indpred IS NOT NULL)')}
      CROSS JOIN LATERAL (VALUES (x.indexprs::text), (x.indpred::text)) AS part (tree)
      WHERE part.tree IS NOT NULL) e) AS expressions,
  ${listOf(
    `'relation', x.indrelid::int8, 'columns', ARRAY(
       SELECT u.c FROM pg_catalog.unnest(x.indkey::int2[]) AS u (c) WHERE u.c > 0
       UNION SELECT d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = x.indexrelid AND d.refobjid = x.indrelid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0)`,
    ofMembers('pg_index', 'x', 'indrelid = m.relation AND (indisunique OR indisexclusion)'),
  )} AS uniques`
