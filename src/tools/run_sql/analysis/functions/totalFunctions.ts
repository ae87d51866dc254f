import { FIRST_USER_OID, type FunctionFacts } from '../catalogFacts.ts'
import type { Totality } from '../failureByValue.ts'

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/))

/**
 * Built-in functions that return normally for every argument, in all overloads but those below. What they take and give
 * is bounded elsewhere: a text of more than 1 GB is an error in any of them.
 */
const ALWAYS: ReadonlySet<string> = words(`
  upper lower initcap length char_length character_length octet_length bit_length textlen bpcharlen textcat textanycat anytextcat
  concat concat_ws md5 reverse ascii btrim ltrim rtrim quote_literal quote_ident quote_nullable strpos
  starts_with text bpchar varchar name left right cardinality array_length array_ndims array_upper array_lower
  array_to_string to_json to_jsonb row_to_json array_to_json json_typeof jsonb_typeof
  jsonb_object_field jsonb_object_field_text jsonb_array_element jsonb_array_element_text jsonb_extract_path
  jsonb_extract_path_text json_build_array jsonb_build_array pg_typeof num_nulls num_nonnulls isfinite
  count min max any_value bool_and bool_or every row_number rank dense_rank
  percent_rank cume_dist lag lead first_value last_value
  hashtext booltext
`)

const FIRST: ReadonlySet<string> = words('substr substring split_part replace translate')

/** What an overload promises, where its namesakes promise something else. */
const OVERLOADS: ReadonlyMap<string, Totality> = new Map<string, Totality>([
  // Bytes that are no text in an encoding, an encoding that does not exist.
  ['length(bytea, name)', 'never'],
  // Elements and fields are compared one after the other; some types have no order, which shows when it comes to them.
  ['min(anyarray)', 'never'],
  ['max(anyarray)', 'never'],
  ['min(record)', 'never'],
  ['max(record)', 'never'],
  // Regular expressions: some texts take an expression years.
  ['substring(text, text)', 'never'],
  ['substring(text, text, text)', 'never'],
  // The third argument decides whether a value that is too long is cut or an error.
  ['varchar(character varying, integer, boolean)', 'explicit'],
  ['bpchar(character, integer, boolean)', 'explicit'],
  ['sum(smallint)', 'always'],
  ['sum(integer)', 'always'],
  ['sum(bigint)', 'always'],
  ['avg(smallint)', 'always'],
  ['avg(integer)', 'always'],
  ['avg(bigint)', 'always'],
  // Two numbers of 131072 digits make one that is too large.
  ['sum(numeric)', 'stored'],
  ['avg(numeric)', 'stored'],
  ['array_agg(anynonarray)', 'accumulates'],
  ['string_agg(text, text)', 'accumulates'],
  ['string_agg(bytea, bytea)', 'accumulates'],
  ['json_agg(anyelement)', 'accumulates'],
  ['jsonb_agg(anyelement)', 'accumulates'],
  ['json_build_object("any")', 'keys'],
  ['jsonb_build_object("any")', 'keys'],
  ['format(text, "any")', 'format'],
])

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
  const overload = OVERLOADS.get(`${name}(${facts.argumentTypes})`)
  if (overload !== undefined) return overload
  if (ALWAYS.has(name) || COMPARISON.test(name)) return 'always'
  return FIRST.has(name) ? 'first' : 'never'
}

/** Whether a call compares or converts text by a collation, and fails when its arguments disagree about which. */
export const needsCollation = ({ argumentTypes }: FunctionFacts): boolean =>
  /\b(?:text|character|name|citext)\b/.test(argumentTypes)
