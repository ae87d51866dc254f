import { shapeOf } from './nodeShapes.ts'
import type { QueryScope } from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { type ComputedColumns, sourceExpressions } from './sourceExpressions.ts'
import { bytesOf, field, isNode, nodeField, nodesField, numberField } from './treeFields.ts'

/** A value larger than this is not a value of anybody's: the server fails at 1 GB, and the time it takes shows before. */
export const MAX_VALUE = 16 * 1024 * 1024
/** The same for all columns of a row that protected values flow into; less than a result may have in hidden columns. */
export const MAX_ROW = 48 * 1024 * 1024

/** What a column of a table is taken for. Whoever stores more in one row could be told so. */
const STORED = 64 * 1024
/** All values of one column of one table, put together. */
const STORED_TOGETHER = 1024 * 1024
/** The text of the longest number. */
const NUMERIC = 160 * 1024
const PADDED = 10_485_760

/** Types whose values, and the text of them, have no more than a few dozen bytes. */
const SMALL_TYPES: ReadonlySet<number> = new Set([
  ...[16, 18, 19, 20, 21, 23, 26, 27, 28, 29, 650, 700, 701, 774, 790, 829, 869, 1082, 1083, 1114, 1184, 1186, 1266],
  ...[2206, 2950, 3220],
])
const SMALL = 128

const RESULT_TYPE: Readonly<Record<string, string>> = {
  VAR: 'vartype',
  CONST: 'consttype',
  PARAM: 'paramtype',
  FUNCEXPR: 'funcresulttype',
  OPEXPR: 'opresulttype',
  NULLIFEXPR: 'opresulttype',
  AGGREF: 'aggtype',
  WINDOWFUNC: 'wintype',
  FIELDSELECT: 'resulttype',
  SUBSCRIPTINGREF: 'refrestype',
}

const ALWAYS_SMALL: ReadonlySet<string> = new Set([
  ...['SQLVALUEFUNCTION', 'BOOLEXPR', 'NULLTEST', 'BOOLEANTEST', 'DISTINCTEXPR', 'SCALARARRAYOPEXPR', 'GROUPINGFUNC'],
  ...['ROWCOMPAREEXPR', 'MERGESUPPORTFUNC', 'JSONISPREDICATE'],
])

/** Compositions, whose value is made of their parts and of nothing else. */
const MADE_OF_PARTS: ReadonlySet<string> = new Set([
  ...['RELABELTYPE', 'COERCEVIAIO', 'ARRAYCOERCEEXPR', 'CONVERTROWTYPEEXPR', 'COLLATEEXPR', 'CASEEXPR', 'CASEWHEN'],
  ...['COALESCEEXPR', 'MINMAXEXPR', 'NULLIFEXPR', 'ARRAYEXPR', 'ROWEXPR', 'FIELDSELECT', 'SUBSCRIPTINGREF'],
  ...['NAMEDARGEXPR', 'TARGETENTRY'],
])

/** Functions whose result has no more than a few times the bytes of their arguments (JSON escapes: six). */
const PROPORTIONAL: ReadonlySet<string> = new Set(
  `
  upper lower initcap textcat textanycat anytextcat concat md5 reverse btrim ltrim rtrim quote_literal quote_ident
  quote_nullable text varchar left right substr substring split_part translate to_json to_jsonb row_to_json array_to_json
  jsonb_object_field jsonb_object_field_text jsonb_array_element jsonb_array_element_text jsonb_extract_path
  jsonb_extract_path_text json_build_array jsonb_build_array json_build_object jsonb_build_object json_typeof jsonb_typeof
  min max any_value lag lead first_value last_value
  `
    .trim()
    .split(/\s+/),
)
const ESCAPED = /json|quote/

export interface SizeSource extends ComputedColumns {
  /** The name of a function that came with the server. */
  builtInName(functionId: number): string | undefined
}

/** How many bytes a value can have, by what it is made of; Infinity when nothing bounds it but the server. */
export function createSizeCheck(source: SizeSource): (value: TreeValue, scope: QueryScope) => number {
  const sizes = new Map<TreeNode, number>()
  const assumed = new Map<TreeNode, number>()
  const fedBack = new Set<TreeNode>()

  function sizeOf(value: TreeValue, scope: QueryScope): number {
    if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item, scope), 0)
    if (!isNode(value)) return 0
    const known = sizes.get(value)
    if (known !== undefined) return known
    const assumption = assumed.get(value)
    if (assumption !== undefined) {
      fedBack.add(value)
      return assumption
    }
    const size = sizeWithFeedback(value, scope)
    sizes.set(value, size)
    return size
  }

  /** A recursive query feeds itself. What it passes on as it is stays as large; what it adds to grows without end. */
  function sizeWithFeedback(node: TreeNode, scope: QueryScope): number {
    assumed.set(node, 0)
    let size = computeSize(node, scope)
    if (fedBack.delete(node)) {
      sizes.clear()
      assumed.set(node, size)
      if (computeSize(node, scope) > size) size = Number.POSITIVE_INFINITY
      fedBack.delete(node)
      sizes.clear()
    }
    assumed.delete(node)
    return size
  }

  function computeSize(node: TreeNode, scope: QueryScope): number {
    const typeField = RESULT_TYPE[node.tag]
    if (ALWAYS_SMALL.has(node.tag)) return SMALL
    if (typeField !== undefined && SMALL_TYPES.has(numberField(node, typeField))) return SMALL
    if (MADE_OF_PARTS.has(node.tag)) return SMALL + partsOf(node, scope)
    switch (node.tag) {
      case 'VAR':
        return sizeOfVar(node, scope)
      case 'CONST':
        return SMALL + (bytesOf(node)?.length ?? 0)
      case 'PARAM':
        return STORED
      case 'CASETESTEXPR':
        return STORED
      case 'SUBLINK':
        return sizeOfSubLink(node, scope)
      case 'FUNCEXPR':
        return sizeOfCall(numberField(node, 'funcid'), node, scope)
      case 'OPEXPR':
        return sizeOfCall(numberField(node, 'opfuncid'), node, scope)
      case 'AGGREF':
        return sizeOfCall(numberField(node, 'aggfnoid'), node, scope)
      case 'WINDOWFUNC':
        return sizeOfCall(numberField(node, 'winfnoid'), node, scope)
      default:
        return Number.POSITIVE_INFINITY
    }
  }

  function partsOf(node: TreeNode, scope: QueryScope): number {
    let sum = 0
    for (const name of shapeOf(node.tag)?.nodes ?? []) sum += sizeOf(node.fields.get(name) ?? null, scope)
    return sum
  }

  function sizeOfVar(node: TreeNode, scope: QueryScope): number {
    const found = sourceExpressions(node, scope, source)
    if (found === 'stored') return STORED
    if (found === 'rows') return Number.POSITIVE_INFINITY
    const each = found.map(({ value, scope: home }) => sizeOf(value, home))
    // The whole row is all of its columns; a column is one of what several arms or rows give.
    return numberField(node, 'varattno') === 0 ? each.reduce((sum, size) => sum + size, 0) : Math.max(0, ...each)
  }

  function sizeOfSubLink(node: TreeNode, scope: QueryScope): number {
    const kind = numberField(node, 'subLinkType')
    if (kind < EXPR_SUBLINK) return SMALL
    if (kind === ARRAY_SUBLINK && givesStored(nodeField(node, 'subselect'), scope, source)) return STORED_TOGETHER
    if (kind !== EXPR_SUBLINK) return Number.POSITIVE_INFINITY
    const query = nodeField(node, 'subselect')
    if (field(query, 'setOperations') !== null) return Number.POSITIVE_INFINITY
    return nodesField(query, 'targetList').reduce(
      (sum, entry) => sum + sizeOf(field(entry, 'expr'), { query, outer: scope }),
      0,
    )
  }

  function sizeOfCall(functionId: number, node: TreeNode, scope: QueryScope): number {
    const name = source.builtInName(functionId) ?? ''
    const args = sizeOf(field(node, 'args'), scope)
    if (PROPORTIONAL.has(name)) return SMALL + args * (ESCAPED.test(name) ? 6 : 2)
    switch (name) {
      case 'sum':
      case 'avg':
        return NUMERIC
      case 'bpchar':
        return PADDED + args
      case 'replace':
      case 'concat_ws':
      case 'array_to_string':
        // Once for each byte of another argument, at most.
        return args * args < MAX_VALUE ? args * args : sizeOfRepeated(name, node, scope)
      case 'format':
        // `%1$s` puts the same argument in again and again.
        return (
          SMALL + args * Math.max(1, referencesIn(nodesField(node, 'args')[0])) + widthsIn(nodesField(node, 'args')[0])
        )
      case 'array_agg':
      case 'string_agg':
      case 'json_agg':
      case 'jsonb_agg':
        return accumulatesStored(node, scope, source) ? STORED_TOGETHER : Number.POSITIVE_INFINITY
      default:
        return Number.POSITIVE_INFINITY
    }
  }

  /** What stands between or in the place of the parts is counted as often as it can occur. */
  function sizeOfRepeated(name: string, node: TreeNode, scope: QueryScope): number {
    const sizes = nodesField(node, 'args').map((arg) => sizeOf(arg, scope))
    const [first = 0, second = 0, third = 0] = sizes
    if (name === 'replace') return first + first * Math.max(0, third - SMALL)
    if (name === 'array_to_string') return 2 * first + (first / 2) * Math.max(0, second - SMALL)
    return sizes.reduce((sum, size) => sum + size, 0) + sizes.length * first
  }

  return sizeOf
}

/** SubLinkType EXPR; those before it are EXISTS, ALL, ANY and ROWCOMPARE. */
const EXPR_SUBLINK = 4
const ARRAY_SUBLINK = 6

/** Whether a sub-select gives what one table stores, once. */
function givesStored(query: TreeNode, outer: QueryScope, source: ComputedColumns): boolean {
  const scope = { query, outer }
  const stored = nodesField(query, 'targetList').every((entry) => isStored(field(entry, 'expr'), scope, source))
  return nodesField(query, 'rtable').length === 1 && stored
}

/**
 * Whether an aggregate puts together what one table stores, and nothing that a join repeats or a condition chooses: that
 * is as large as the table makes it, whatever the statement says.
 */
export function accumulatesStored(node: TreeNode, scope: QueryScope, source: ComputedColumns): boolean {
  const sources = nodesField(scope.query, 'rtable').filter((entry) => field(entry, 'rtekind') !== GROUP_ENTRY)
  return sources.length === 1 && field(node, 'aggfilter') === null && isStored(field(node, 'args'), scope, source)
}

const GROUP_ENTRY = '9'

/** A column of a table as it is stored, or the text of it; constants beside it are small. */
export function isStored(value: TreeValue, scope: QueryScope, source: ComputedColumns): boolean {
  if (Array.isArray(value)) return value.every((item) => isStored(item, scope, source))
  if (!isNode(value)) return true
  switch (value.tag) {
    case 'TARGETENTRY':
      return isStored(field(value, 'expr'), scope, source)
    case 'RELABELTYPE':
    case 'COERCEVIAIO':
      return isStored(field(value, 'arg'), scope, source)
    case 'CONST':
      return (bytesOf(value)?.length ?? 0) < SMALL
    case 'VAR': {
      const found = sourceExpressions(value, scope, source)
      if (typeof found === 'string') return found === 'stored'
      return found.every((item) => isStored(item.value, item.scope, source))
    }
    default:
      return false
  }
}

/** How many arguments a format string puts in, at most. */
function referencesIn(node: TreeNode | undefined): number {
  const bytes = node?.tag === 'CONST' ? bytesOf(node) : undefined
  return bytes === undefined ? Number.POSITIVE_INFINITY : bytes.filter((byte) => byte === PERCENT).length
}

const PERCENT = '%'.charCodeAt(0)

/** The widths in a format string, `%10s`. */
function widthsIn(node: TreeNode | undefined): number {
  const bytes = node?.tag === 'CONST' ? bytesOf(node) : undefined
  if (bytes === undefined) return Number.POSITIVE_INFINITY
  return [...String.fromCharCode(...bytes).matchAll(/\d+/g)].reduce((sum, [width]) => sum + Number(width), 0)
}
