import { FIRST_USER_OID } from './catalogFacts.ts'
import type { Catalog } from './readCatalog.ts'
import type { TreeValue } from './readNodeTree.ts'
import { isNode, numberField } from './treeFields.ts'

/**
 * What the server's analysis of a text depends on, beside the objects of the names in it. `settled`: nothing. `dated`:
 * it has literals of dates and times, which read the clock when they say `today` or the like. `unsettled`: anything else
 * may come in: a literal that is looked up in the catalog (`'users'::regclass`), a type or function of somebody's own,
 * row security, which the server adds to the analysis as the role's memberships are at that time.
 */
export type Settledness = 'settled' | 'dated' | 'unsettled'

/** bool bytea char name int8 int2 int4 text oid json float4 float8 unknown inet bpchar varchar interval numeric uuid jsonb jsonpath. */
const PLAIN = [16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 705, 869, 1042, 1043, 1186, 1700, 2950, 3802, 4072]
/** Their arrays. */
const ARRAYS = [1000, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1231, 2951]
/**
 * date, time, timestamp and timestamptz; timetz looks at the date to know the zone, whatever it says. Not arrays of them:
 * `today` can be written there with backslashes in it.
 */
const DATED: ReadonlySet<number> = new Set([1082, 1083, 1114, 1184])
const SETTLED: ReadonlySet<number> = new Set([...PLAIN, ...ARRAYS])

export function settlednessOf(tree: TreeValue, { facts, references }: Catalog): Settledness {
  const named = [...facts.functions.keys(), ...facts.operators.keys(), ...references.conversions]
  if (named.some((oid) => oid >= FIRST_USER_OID)) return 'unsettled'
  if ([...facts.relations.values()].some(({ secured }) => secured)) return 'unsettled'
  const constants = new Set<number>()
  collectConstants(tree, constants)
  if ([...constants].some((type) => !SETTLED.has(type) && !DATED.has(type))) return 'unsettled'
  return [...constants].some((type) => DATED.has(type)) ? 'dated' : 'settled'
}

/** The types of all constants. Views are stored as they were analysed: theirs do not count. */
function collectConstants(value: TreeValue, into: Set<number>): void {
  if (Array.isArray(value)) {
    for (const item of value) collectConstants(item, into)
  } else if (isNode(value)) {
    if (value.tag === 'CONST') into.add(numberField(value, 'consttype'))
    for (const inner of value.fields.values()) collectConstants(inner, into)
  }
}
