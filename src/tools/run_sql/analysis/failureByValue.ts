import { shapeOf } from './nodeShapes.ts'
import type { QueryScope } from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { sourceExpressions } from './sourceExpressions.ts'
import { CLEAN, type Taint, union } from './taint.ts'
import { bytesOf, field, flagField, isNode, nodesField, numberField, numbersField } from './treeFields.ts'
import { accumulatesStored, createSizeCheck, isStored, MAX_ROW, MAX_VALUE, type SizeSource } from './valueSize.ts'

/**
 * When a function returns normally whatever its arguments are: `always`; `first` when every other argument is a
 * harmless constant; `keys` when the odd arguments are (`json_build_object('email', email)`); `format` when the first
 * argument is a format string without %I; `explicit` when the third argument says that the value is cut; `stored` when
 * the argument is a column as it is stored; `accumulates` when what it puts together is stored, too; `never` promised.
 */
export type Totality = 'always' | 'first' | 'keys' | 'format' | 'explicit' | 'stored' | 'accumulates' | 'never'

/** What is known of the functions and operators of a statement. */
export interface FailureSource extends SizeSource {
  totality(functionId: number): Totality
  /** Whether a function takes text, and needs to know its collation. */
  needsCollation(functionId: number): boolean
  /** The function behind an operator, 0 when there is none. */
  operatorFunction(operator: number): number
}

/**
 * Finds the places where an error, or the time it takes, depends on a protected value although the output is masked:
 * `CASE WHEN email < 'm' THEN 1 / 0 END`, `email::int`. Everything that is computed from a protected value, and
 * everything whose evaluation depends on one, must be known never to fail and not to grow without bounds. What a
 * sub-select, a view or a CTE computes is looked at where it is used as well, because that is where it may be computed.
 */
export function createFailureCheck(
  taintOf: (value: TreeValue, scope: QueryScope) => Taint,
  source: FailureSource,
  report: (taint: Taint) => void,
): {
  check(value: TreeValue, scope: QueryScope): void
  checkRow(values: readonly TreeValue[], scope: QueryScope): void
} {
  const checked = new Map<TreeNode, Set<string>>()
  const sizeOf = createSizeCheck(source)

  function visit(value: TreeValue, scope: QueryScope, condition: Taint): void {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, scope, condition)
      return
    }
    if (!isNode(value)) return
    const taint = taintOf(value, scope)
    const subject = union([taint, condition])
    if (subject.size === 0 || wasChecked(value, taint, condition)) return
    if (!isTotal(value, scope, taint, condition)) report(subject)
    if (value.tag === 'SUBLINK') {
      // The queries inside are checked where they stand.
      visit(field(value, 'testexpr'), scope, condition)
      return
    }
    if (value.tag === 'VAR') {
      visitSource(value, scope, condition)
      return
    }
    const inner = evaluatesConditionally(value) ? subject : condition
    for (const name of shapeOf(value.tag)?.nodes ?? []) visit(value.fields.get(name) ?? null, scope, inner)
  }

  function wasChecked(node: TreeNode, taint: Taint, condition: Taint): boolean {
    const state = `${[...taint].sort().join()}|${[...condition].sort().join()}`
    const states = checked.get(node) ?? new Set()
    checked.set(node, states)
    return states.has(state) || !states.add(state)
  }

  /** What a VAR stands for has been checked where it stands, unless it is computed here or under a condition. */
  function visitSource(node: TreeNode, scope: QueryScope, condition: Taint): void {
    const found = sourceExpressions(node, scope, source)
    if (typeof found === 'string') return
    for (const { value, scope: home } of found) visit(value, home, condition)
  }

  function isTotal(node: TreeNode, scope: QueryScope, taint: Taint, condition: Taint): boolean {
    if (lacksCollation(node)) return false
    switch (node.tag) {
      case 'SUBLINK':
        // Whether a sub-select runs shows in the time it takes; ANY and ALL end at the first row that decides.
        return condition.size === 0 && (taint.size === 0 || !STOPS_EARLY.has(numberField(node, 'subLinkType')))
      case 'FUNCEXPR':
        return isTotalCall(numberField(node, 'funcid'), node, scope)
      case 'AGGREF':
        return areSortable(node) && isTotalCall(numberField(node, 'aggfnoid'), node, scope)
      case 'WINDOWFUNC':
        return isTotalCall(numberField(node, 'winfnoid'), node, scope)
      case 'OPEXPR':
      case 'DISTINCTEXPR':
      case 'NULLIFEXPR':
      case 'SCALARARRAYOPEXPR':
        return isTotalCall(numberField(node, 'opfuncid'), node, scope)
      case 'ROWCOMPAREEXPR':
        return numbersField(node, 'opnos').every(isTotalOperator)
      case 'MINMAXEXPR':
        return COMPARABLE_TYPES.has(numberField(node, 'minmaxtype'))
      case 'COERCEVIAIO':
        return TEXT_TYPES.has(numberField(node, 'resulttype')) && isSmall(node, scope)
      case 'ARRAYEXPR':
        return !flagField(node, 'multidims') && isSmall(node, scope)
      case 'ROWEXPR':
        return isSmall(node, scope)
      case 'SUBSCRIPTINGREF':
        return field(node, 'refassgnexpr') === null
      default:
        return NEVER_FAILS.has(node.tag)
    }
  }

  /** ORDER BY and DISTINCT inside an aggregate. */
  const areSortable = (aggregate: TreeNode): boolean =>
    ['aggorder', 'aggdistinct']
      .flatMap((name) => nodesField(aggregate, name))
      .every((key) => isTotalOperator(numberField(key, 'eqop')) && isTotalOperator(numberField(key, 'sortop')))

  const isSmall = (node: TreeNode, scope: QueryScope): boolean => sizeOf(node, scope) <= MAX_VALUE

  function isTotalOperator(operator: number): boolean {
    return operator === 0 || source.totality(source.operatorFunction(operator)) === 'always'
  }

  function isTotalCall(functionId: number, call: TreeNode, scope: QueryScope): boolean {
    if (source.needsCollation(functionId) && numberField(call, 'inputcollid') === 0) return false
    if (sizeOf(field(call, 'args'), scope) > MAX_VALUE || !isSmall(call, scope)) return false
    const args = nodesField(call, 'args')
    const when = source.totality(functionId)
    if (call.fields.get('funcvariadic') === 'true') return when === 'always'
    switch (when) {
      case 'always':
        return true
      case 'first':
        return args.slice(1).every(isHarmlessConstant)
      case 'keys':
        return args.every((arg, index) => index % 2 === 1 || isHarmlessConstant(arg))
      case 'format':
        return args[0] !== undefined && isHarmlessConstant(args[0]) && !/%[-0-9$*]*[I*]/.test(textOf(args[0]))
      case 'explicit':
        return args[2]?.tag === 'CONST' && bytesOf(args[2])?.[0] === 1
      case 'stored':
        return args.every((arg) => isStored(arg, scope, source))
      case 'accumulates':
        return accumulatesStored(call, scope, source)
      case 'never':
        return false
    }
  }

  return {
    check: (value, scope) => visit(value, scope, CLEAN),
    /** All columns of a row together: the server fails at 1 GB, and an answer is cut before that. */
    checkRow(values, scope) {
      const tainted = values.filter((value) => taintOf(value, scope).size > 0)
      const size = tainted.reduce((sum: number, value) => sum + sizeOf(value, scope), 0)
      if (size > MAX_ROW) report(union(tainted.map((value) => taintOf(value, scope))))
    },
  }
}

/** SubLinkType ALL and ANY. */
const STOPS_EARLY: ReadonlySet<number> = new Set([1, 2])

function evaluatesConditionally(node: TreeNode): boolean {
  switch (node.tag) {
    case 'CASEEXPR':
    case 'COALESCEEXPR':
    case 'BOOLEXPR':
    case 'ROWCOMPAREEXPR':
      return true
    case 'AGGREF':
    case 'WINDOWFUNC':
      return field(node, 'aggfilter') !== null
    default:
      return false
  }
}

/** Nodes that never fail by themselves; their parts are looked at one by one. */
const NEVER_FAILS: ReadonlySet<string> = new Set([
  'VAR',
  'CONST',
  'PARAM',
  'SQLVALUEFUNCTION',
  'CASETESTEXPR',
  'SETTODEFAULT',
  'GROUPINGFUNC',
  'MERGESUPPORTFUNC',
  'NAMEDARGEXPR',
  'RELABELTYPE',
  'ARRAYCOERCEEXPR',
  'CONVERTROWTYPEEXPR',
  'COLLATEEXPR',
  'BOOLEXPR',
  'CASEEXPR',
  'CASEWHEN',
  'COALESCEEXPR',
  'NULLTEST',
  'BOOLEANTEST',
  'FIELDSELECT',
  'TARGETENTRY',
  'INFERENCEELEM',
  'SORTGROUPCLAUSE',
  'RANGETBLFUNCTION',
])

/** text, varchar: any value of a built-in type has a text form. */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1043])

/** Types with an order of all their values. Rows and arrays are compared part by part, and a part may have none. */
const COMPARABLE_TYPES: ReadonlySet<number> = new Set([
  ...[16, 17, 18, 19, 20, 21, 23, 25, 26, 650, 700, 701, 790, 829, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266],
  ...[1560, 1562, 1700, 2950, 3220, 3802],
])

/** Text, and the collation that it turned out to have: none when the parts of an expression disagree. */
const COLLATION_OF: Readonly<Record<string, readonly [string, string]>> = {
  CASEEXPR: ['casetype', 'casecollid'],
  COALESCEEXPR: ['coalescetype', 'coalescecollid'],
  MINMAXEXPR: ['minmaxtype', 'minmaxcollid'],
  VAR: ['vartype', 'varcollid'],
}
const COLLATABLE_TYPES: ReadonlySet<number> = new Set([19, 25, 1042, 1043])

/** Comparing such text is an error when it happens, not before. */
function lacksCollation(node: TreeNode): boolean {
  const fields = COLLATION_OF[node.tag]
  if (fields === undefined) return false
  return COLLATABLE_TYPES.has(numberField(node, fields[0])) && numberField(node, fields[1]) === 0
}

/** A constant that is not null, and when it is a number, a small positive one: `substr(email, 1, 3)`. */
function isHarmlessConstant(node: TreeNode): boolean {
  if (node.tag === 'RELABELTYPE') return isHarmlessConstant(field(node, 'arg') as TreeNode)
  if (node.tag !== 'CONST') return false
  const bytes = bytesOf(node)
  if (bytes === undefined) return false
  if (field(node, 'constbyval') !== 'true') return true
  return (bytes[0] ?? 0) > 0 && bytes.slice(2).every((byte) => byte === 0)
}

const textOf = (node: TreeNode): string => {
  const bytes = node.tag === 'CONST' ? bytesOf(node) : undefined
  return bytes === undefined ? '%I' : String.fromCharCode(...bytes)
}
