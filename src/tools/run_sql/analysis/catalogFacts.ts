import type { References } from './collectReferences.ts'
import type { AnalysisSession } from './session.ts'

/** The name of the question that is asked when types of users occur. */
export const TYPES_QUESTION = 'countersign_types'

/** Objects below this OID came with the server (FirstNormalObjectId). */
export const FIRST_USER_OID = 16384

export interface RelationFacts {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r table, p partitioned, v view, m materialised, f foreign, S sequence, ... */
  readonly kind: string
  readonly extension: string | undefined
  readonly version: string
  /** The SELECT rule of a view or materialised view that did not come with the server. */
  readonly rule: { readonly oid: number; readonly version: string; readonly tree: string } | undefined
  readonly generated: readonly { readonly column: number; readonly virtual: boolean; readonly tree: string }[]
  /** Row security is switched on. */
  readonly secured: boolean
  /** Row security. Whose role a view runs as decides whether it applies, so it is assumed to. */
  readonly policies: readonly { readonly oid: number; readonly version: string; readonly trees: readonly string[] }[]
}

export interface FunctionFacts {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly argumentTypes: string
  readonly language: string
  readonly volatility: string
  readonly source: string
  readonly extension: string | undefined
  /** Changes whenever the definition does. */
  readonly version: string
}

interface OperatorFacts {
  readonly oid: number
  readonly name: string
  readonly functionId: number
  readonly extension: string | undefined
}

/** A constraint of a domain that values are converted to. */
interface DomainFacts {
  readonly oid: number
  readonly version: string
  readonly tree: string
}

export interface CatalogFacts {
  readonly relations: Map<number, RelationFacts>
  readonly functions: Map<number, FunctionFacts>
  readonly operators: Map<number, OperatorFacts>
  readonly domains: Map<number, DomainFacts>
  /** Input, output and cast-to-JSON functions of user-defined types that occur. */
  readonly typeFunctions: Set<number>
  /** What has been asked for already. */
  readonly asked: { readonly [kind in 'relations' | 'functions' | 'operators' | 'types' | 'conversions']: Set<number> }
}

export const noFacts = (): CatalogFacts => ({
  relations: new Map(),
  functions: new Map(),
  operators: new Map(),
  domains: new Map(),
  typeFunctions: new Set(),
  asked: {
    relations: new Set(),
    functions: new Set(),
    operators: new Set(),
    types: new Set(),
    conversions: new Set(),
  },
})

/**
 * Reads what the catalog says about everything that is referred to and not known yet, in one round trip. Returns false
 * when nothing was missing. Facts are good for the current transaction only, and nothing remembers them.
 */
export async function readFacts(session: AnalysisSession, wanted: References, facts: CatalogFacts): Promise<boolean> {
  const missing = (kind: keyof CatalogFacts['asked'], filter: (oid: number) => boolean = () => true): number[] => {
    const asked = facts.asked[kind]
    const found = [...wanted[kind]].filter((oid) => !asked.has(oid) && filter(oid))
    for (const oid of found) asked.add(oid)
    return found
  }
  const isUser = (oid: number): boolean => oid >= FIRST_USER_OID
  const relations = missing('relations')
  const functions = missing('functions')
  const operators = missing('operators')
  const types = missing('types', isUser)
  const conversions = missing('conversions', isUser)
  const usesTypes = types.length + conversions.length > 0
  if (relations.length + functions.length + operators.length === 0 && !usesTypes) return false

  const { rows } = usesTypes
    ? await session.query(FACTS_WITH_TYPES, [relations, functions, operators, types, conversions], TYPES_QUESTION)
    : functions.length + operators.length > 0
      ? await session.query(FACTS, [relations, functions, operators], 'countersign_facts')
      : await session.query(`SELECT ${RELATIONS}`, [relations], 'countersign_relations')
  const row = rows[0] as Readonly<Record<string, string | null>>
  const list = <T>(name: string): T[] => JSON.parse(row[name] ?? '[]') as T[]
  for (const relation of list<RawRelation>('relations')) {
    facts.relations.set(relation.oid, {
      ...relation,
      extension: relation.extension ?? undefined,
      rule: relation.rule ?? undefined,
      generated: relation.generated ?? [],
      policies: relation.policies ?? [],
    })
  }
  for (const item of list<RawFunction>('functions')) {
    facts.asked.functions.add(item.oid)
    facts.functions.set(item.oid, { ...item, extension: item.extension ?? undefined })
  }
  for (const item of list<RawOperator>('operators')) {
    facts.operators.set(item.oid, { ...item, extension: item.extension ?? undefined })
  }
  for (const item of list<DomainFacts>('domains')) facts.domains.set(item.oid, item)
  for (const oid of list<number>('type_functions')) facts.typeFunctions.add(oid)
  return true
}

type Raw<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] }
type RawRelation = Raw<Omit<RelationFacts, 'generated' | 'policies'>> &
  Record<'generated', RelationFacts['generated'] | null> &
  Record<'policies', RelationFacts['policies'] | null>
type RawFunction = Raw<FunctionFacts>
type RawOperator = Raw<OperatorFacts>

const EXTENSION_OF = (catalog: string, oid: string): string => `(
  SELECT e.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
   WHERE d.classid = 'pg_catalog.${catalog}'::regclass AND d.objid = ${oid} AND d.objsubid = 0
     AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e')`

const VERSION = (alias: string): string => `${alias}.xmin::text || '/' || ${alias}.ctid::text`

/**
 * Objects given as a parameter. The inner SELECT hides the array from the planner, which would otherwise plan anew for
 * the number of its items at each call, at twice the cost of running it.
 */
const given = (parameter: number): string => `pg_catalog.unnest((SELECT $${parameter}::oid[])) AS given (oid)`

const RELATIONS = `(
  SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
    'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'version', ${VERSION('c')},
    'extension', CASE WHEN c.oid >= ${FIRST_USER_OID} THEN ${EXTENSION_OF('pg_class', 'c.oid')} END,
    'rule', CASE WHEN c.relkind IN ('v', 'm') AND c.oid >= ${FIRST_USER_OID} THEN (
      SELECT pg_catalog.json_build_object('oid', r.oid::int8, 'version', ${VERSION('r')}, 'tree', r.ev_action::text)
        FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type = '1') END,
    'generated', CASE WHEN c.relkind IN ('r', 'p', 'f') AND c.oid >= ${FIRST_USER_OID} THEN (
      SELECT pg_catalog.json_agg(pg_catalog.json_build_object('column', a.attnum, 'virtual', a.attgenerated = 'v', 'tree', d.adbin::text))
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = c.oid AND a.attgenerated <> '') END,
    'secured', c.relrowsecurity, 'policies', CASE WHEN c.relrowsecurity THEN (
      SELECT pg_catalog.json_agg(pg_catalog.json_build_object('oid', p.oid::int8, 'version', ${VERSION('p')},
          'trees', pg_catalog.array_remove(ARRAY[p.polqual::text, p.polwithcheck::text], NULL)))
        FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) END))::text
    FROM ${given(1)}
    CROSS JOIN LATERAL (SELECT xmin, ctid, * FROM pg_catalog.pg_class WHERE oid = given.oid OFFSET 0) AS c
    CROSS JOIN LATERAL (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = c.relnamespace OFFSET 0) AS n
) AS relations`

/** `OFFSET 0` keeps the planner on index look-ups: the catalogs are large, the objects of one statement few. */
const functionsOf = (wanted: string): string => `(
  SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
    'oid', p.oid::int8, 'schema', n.nspname, 'name', p.proname, 'argumentTypes', pg_catalog.oidvectortypes(p.proargtypes),
    'language', l.lanname, 'volatility', p.provolatile, 'version', ${VERSION('p')},
    'source', CASE WHEN l.lanname = 'internal' THEN p.prosrc ELSE '' END,
    'extension', CASE WHEN p.oid >= ${FIRST_USER_OID} THEN ${EXTENSION_OF('pg_proc', 'p.oid')} END))::text
    FROM (${wanted}) AS wanted (oid)
    CROSS JOIN LATERAL (SELECT xmin, ctid, * FROM pg_catalog.pg_proc WHERE oid = wanted.oid OFFSET 0) AS p
    CROSS JOIN LATERAL (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = p.pronamespace OFFSET 0) AS n
    CROSS JOIN LATERAL (SELECT lanname FROM pg_catalog.pg_language WHERE oid = p.prolang OFFSET 0) AS l
) AS functions`

const OPERATOR_ROWS = `${given(3)}
    CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_operator WHERE oid = given.oid OFFSET 0) AS o`

const OPERATORS = `(
  SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
    'oid', o.oid::int8, 'name', o.oprname, 'functionId', o.oprcode::oid::int8,
    'extension', CASE WHEN o.oid >= ${FIRST_USER_OID} THEN ${EXTENSION_OF('pg_operator', 'o.oid')} END))::text
    FROM ${OPERATOR_ROWS}
) AS operators`

const NAMED = `SELECT given.oid FROM ${given(2)} UNION SELECT o.oprcode::oid FROM ${OPERATOR_ROWS}`

const FACTS = `SELECT ${RELATIONS}, ${functionsOf(NAMED)}, ${OPERATORS}`

/** Every user-defined type inside the given ones: elements of arrays, columns of rows, bases of domains and ranges. */
const TYPES = `WITH RECURSIVE closure (oid, converted) AS (
    SELECT oid, false FROM ${given(4)}
    UNION SELECT oid, true FROM ${given(5)}
    UNION SELECT inner_type.oid, c.converted FROM closure c JOIN pg_catalog.pg_type t ON t.oid = c.oid
      CROSS JOIN LATERAL (
        SELECT t.typelem UNION ALL SELECT t.typbasetype
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
      ) AS inner_type (oid) WHERE inner_type.oid >= ${FIRST_USER_OID}
  ), io (oid) AS (
    SELECT f.oid::oid FROM pg_catalog.pg_type t CROSS JOIN LATERAL (VALUES (t.typinput), (t.typoutput)) AS f (oid)
     WHERE t.oid IN (SELECT oid FROM closure) AND t.typtype = 'b' AND t.typinput::oid >= ${FIRST_USER_OID}
    UNION SELECT k.castfunc FROM pg_catalog.pg_cast k
     WHERE k.castsource IN (SELECT oid FROM closure) AND k.casttarget IN (114, 3802) AND k.castfunc <> 0
  )`

/**
 * `attributes` is no fact of a judgement, which sees them in the tree: `(pair).*` is spelt out there. But a tree that is
 * kept does not change with them.
 */
const FACTS_WITH_TYPES = `${TYPES}
SELECT ${RELATIONS}, ${functionsOf(`${NAMED} UNION SELECT oid FROM io`)}, ${OPERATORS},
  (SELECT pg_catalog.json_agg(oid::int8)::text FROM io) AS type_functions,
  (SELECT pg_catalog.string_agg(${VERSION('a')}, ' ' ORDER BY a.attrelid, a.attnum)
     FROM closure c JOIN pg_catalog.pg_type t ON t.oid = c.oid JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
    WHERE a.attnum > 0) AS attributes,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('oid', k.oid::int8, 'version', ${VERSION('k')}, 'tree', k.conbin::text))::text
     FROM pg_catalog.pg_constraint k
    WHERE k.contypid IN (SELECT oid FROM closure WHERE converted) AND k.conbin IS NOT NULL) AS domains`
