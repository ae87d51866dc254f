import { FIRST_USER_OID, type FunctionFacts } from '../catalogFacts.ts'
import type { Totality } from '../failureByValue.ts'

/** Built-in functions that return normally for every argument. All overloads, unless argument types are given. */
const ALWAYS: ReadonlySet<string> = new Set(
  `
  upper lower initcap length char_length character_length octet_length bit_length textlen bpcharlen textcat textanycat anytextcat
  concat concat_ws md5 reverse ascii btrim ltrim rtrim quote_literal quote_ident quote_nullable strpos
  starts_with text bpchar varchar name left right cardinality array_length array_ndims array_upper array_lower
  array_to_string to_json to_jsonb row_to_json array_to_json json_typeof jsonb_typeof
  jsonb_object_field jsonb_object_field_text jsonb_array_element jsonb_array_element_text jsonb_extract_path
  jsonb_extract_path_text json_build_array jsonb_build_array pg_typeof num_nulls num_nonnulls isfinite
  count min max any_value string_agg array_agg json_agg jsonb_agg bool_and bool_or every row_number rank dense_rank
  percent_rank cume_dist lag lead first_value last_value
  sum(smallint) sum(integer) sum(bigint) sum(numeric) avg(smallint) avg(integer) avg(bigint) avg(numeric)
  hashtext booltext
  `
    .trim()
    .split(/\s+/),
)

const FIRST: ReadonlySet<string> = new Set('substr substring split_part replace translate'.split(' '))

const COMPARISON =
  /^(text|bpchar|name|char|bool|int[248]{1,2}|numeric|float[48]{1,2}|date|time|timetz|timestamp|timestamptz|interval|uuid|oid|bytea|jsonb|network|macaddr|cash|bit|varbit|enum|citext)_?(eq|ne|lt|le|gt|ge)$/

/**
 * Whether a call may fail depending on its arguments. Functions that are not built in are never promised not to; citext
 * comparisons are the exception, because addresses are often kept in citext.
 */
export function totalityOf(facts: FunctionFacts): Totality {
  const { name } = facts
  if (facts.oid >= FIRST_USER_OID) return facts.extension === 'citext' && COMPARISON.test(name) ? 'always' : 'never'
  if (facts.schema !== 'pg_catalog') return 'never'
  if (ALWAYS.has(name) || ALWAYS.has(`${name}(${facts.argumentTypes})`) || COMPARISON.test(name)) return 'always'
  if (FIRST.has(name)) return 'first'
  if (name === 'json_build_object' || name === 'jsonb_build_object') return 'keys'
  return name === 'format' ? 'format' : 'never'
}
