import { FIRST_USER_OID } from './catalogFacts.ts'

/** The objects that a judgement rests on, as it found them. */
export interface RestsOn {
  readonly relations: readonly NamedObject[]
  readonly functions: readonly NamedObject[]
  readonly operators: readonly number[]
  /** Relations of configured columns: partitions, heirs and parents included, also those that have no such column. */
  readonly family: readonly number[]
}

interface NamedObject {
  readonly oid: number
  /** Without its schema. */
  readonly name: string
}

/**
 * An SQL expression, of type text, that answers the same as long as every fact does that a judgement of a SELECT without
 * types, operators and functions of users rests on: every row of the catalog behind such a fact goes in with its version
 * (the transaction that wrote it, and where it is), and where there could be more rows, all that there are.
 *
 * - A relation: its own row and that of its schema; its rules, generated columns, policies, and the extension it belongs to.
 * - A function or operator of the server, and the languages.
 * - Protected columns: what the configured names lead to; which columns of the family have those names; who is parent and
 *   who is heir, of each member of the family, so that it is the same family.
 * - Names: everything that has the name of one of the relations and functions, in any schema, whether its schema may be
 *   looked into, and the schemas that names are looked for in; all casts and operator classes that did not come with the server;
 *   settings by which literals are read. These are no facts of the judgement; but a text that is not analysed again could mean something
 *   else by now. (A new operator makes the server analyse everything again.)
 *
 * @param named names in the text of what is called and converted to: a function, or a type, of this name may be meant
 */
export function versionsOf(
  { relations, functions, operators, family }: RestsOn,
  protect: readonly (readonly string[])[],
  named: readonly string[],
): string {
  const [schemas = [], tables = [], columns = []] = protect
  const parts = [
    `SELECT ${all(RELATION_VERSION)} FROM pg_catalog.pg_class c WHERE ${isOne('c.oid', oids(relations))}`,
    `SELECT ${all(version('p'))} FROM pg_catalog.pg_proc p WHERE ${isOne('p.oid', oids(functions))}`,
    `SELECT ${all(version('o'))} FROM pg_catalog.pg_operator o WHERE ${isOne('o.oid', operators.map(String))}`,
    `SELECT ${all(version('l'))} FROM pg_catalog.pg_language l`,
    `SELECT ${all(row('c.oid', 'n.nspname', 'c.relname', 'c.relkind'))}
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE ${isOne('c.relname', tables.map(text))} AND ${isOne('n.nspname', schemas.map(text))}`,
    `SELECT ${all(row('a.attrelid', 'a.attnum', 'a.attname'))} FROM pg_catalog.pg_attribute a
      WHERE ${isOne('a.attrelid', family.map(String))} AND ${isOne('a.attname', columns.map(text))} AND a.attnum > 0 AND NOT a.attisdropped`,
    ...kin(family),
    `SELECT ${all("c.oid || CASE WHEN pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') THEN '+' ELSE '-' END")}
       FROM pg_catalog.pg_class c WHERE ${isOne('c.relname', names(relations))}`,
    `SELECT ${all('p.oid::text')} FROM pg_catalog.pg_proc p WHERE ${isOne('p.proname', [...new Set([...names(functions), ...named.map(text)])])}`,
    `SELECT ${all('t.oid::text')} FROM pg_catalog.pg_type t WHERE ${isOne('t.typname', named.map(text))}`,
    `SELECT ${all(version('k'))} FROM pg_catalog.pg_cast k WHERE k.oid >= ${FIRST_USER_OID}`,
    `SELECT ${all(version('k'))} FROM pg_catalog.pg_opclass k WHERE k.oid >= ${FIRST_USER_OID}`,
    SEARCHED,
    READ_BY,
  ]
  return together(parts)
}

/**
 * The part of it that may change while the statement runs: the locks of the statement are on what it names, and rows of
 * another relation come in when that becomes a partition or an heir further down.
 */
export function kinOf({ family }: RestsOn): string {
  return together(kin(family))
}

function kin(family: readonly number[]): readonly string[] {
  const pair = all(row('i.inhparent', 'i.inhrelid'))
  return ['i.inhparent', 'i.inhrelid'].map(
    (member) => `SELECT ${pair} FROM pg_catalog.pg_inherits i WHERE ${isOne(member, family.map(String))}`,
  )
}

function together(parts: readonly string[]): string {
  return `pg_catalog.concat(${parts.map((part) => `(${part}), ';'`).join(', ')})`
}

const row = (...values: readonly string[]): string => `pg_catalog.concat_ws(' ', ${values.join(', ')})`

const version = (alias: string): string => row(`${alias}.oid`, `${alias}.xmin`, `${alias}.ctid`)

/** In some order that is the same while the rows are. */
const all = (value: string, separator = ','): string => `pg_catalog.string_agg(${value}, '${separator}')`

const RELATION_VERSION = `pg_catalog.concat(${version('c')},
    (SELECT '/s' || ${row('n.xmin', 'n.ctid')} FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace),
    (SELECT '/r' || ${all(version('r'), ' ')} FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid),
    (SELECT '/d' || ${all(version('d'), ' ')} FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid),
    (SELECT '/g' || ${all(row('a.attnum', 'a.attgenerated'), ' ')} FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> ''),
    (SELECT '/p' || ${all(version('y'), ' ')} FROM pg_catalog.pg_policy y WHERE y.polrelid = c.oid),
    (SELECT '/e' || ${all('e.refobjid::text', ' ')} FROM pg_catalog.pg_depend e
      WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e'))`

/** The temporary schema has another name in each session, and nothing in it that outlives a call. */
const SEARCHED = `pg_catalog.array_remove(pg_catalog.current_schemas(true),
    (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = pg_catalog.pg_my_temp_schema()))::text`

/** What the server's configuration says of literals, and may say otherwise at any time. The rest is given at connect. */
const READ_BY = row(
  ...['TimeZone', 'timezone_abbreviations', 'array_nulls', 'transform_null_equals'].map(
    (name) => `pg_catalog.current_setting('${name}')`,
  ),
)

const oids = (objects: readonly NamedObject[]): string[] => objects.map(({ oid }) => String(oid))
const names = (objects: readonly NamedObject[]): string[] => [...new Set(objects.map(({ name }) => text(name)))]

function isOne(value: string, of: readonly string[]): string {
  return of.length === 0 ? 'false' : `(${value}) IN (${of.join(', ')})`
}

/** A literal; standard_conforming_strings is on. */
function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
