import { shapeOf } from './nodeShapes.ts'
import type { QueryScope } from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { CLEAN, type Taint, union } from './taint.ts'
import { field, flagField, isNode, nodesField, numberField } from './treeFields.ts'

/**
 * When a function returns normally whatever its arguments are: `always`; `first` when every other argument is a
 * harmless constant; `keys` when the odd arguments are (`json_build_object('email', email)`); `format` when the first
 * argument is a format string without %I; `never` promised.
 */
export type Totality = 'always' | 'first' | 'keys' | 'format' | 'never'

/**
 * Finds the places where an error, or the time it takes, depends on a protected value although the output is masked:
 * `CASE WHEN email < 'm' THEN 1 / 0 END`, `email::int`. Everything that is computed from a protected value, and
 * everything whose evaluation depends on one, must be known never to fail.
 */
export function createFailureCheck(
  taintOf: (value: TreeValue, scope: QueryScope) => Taint,
  totality: (functionId: number) => Totality,
  report: (taint: Taint) => void,
): { check(value: TreeValue, scope: QueryScope): void } {
  const checked = new Map<TreeNode, Taint>()

  function visit(value: TreeValue, scope: QueryScope, condition: Taint): void {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, scope, condition)
      return
    }
    if (!isNode(value)) return
    const taint = taintOf(value, scope)
    const subject = union([taint, condition])
    if (subject.size === 0 || checked.get(value)?.size === subject.size) return
    checked.set(value, subject)
    if (!isTotal(value, condition.size > 0, totality)) report(subject)
    if (value.tag === 'SUBLINK') {
      // The queries inside are checked where they stand.
      visit(field(value, 'testexpr'), scope, condition)
      return
    }
    const inner = evaluatesConditionally(value) ? subject : condition
    for (const name of shapeOf(value.tag)?.nodes ?? []) visit(value.fields.get(name) ?? null, scope, inner)
  }

  return { check: (value, scope) => visit(value, scope, CLEAN) }
}

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
  'MINMAXEXPR',
  'NULLTEST',
  'BOOLEANTEST',
  'ROWEXPR',
  'ROWCOMPAREEXPR',
  'FIELDSELECT',
  'TARGETENTRY',
  'SORTGROUPCLAUSE',
  'INFERENCEELEM',
  'RANGETBLFUNCTION',
])

/** text, varchar: any value of a built-in type has a text form. */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1043])

function isTotal(node: TreeNode, conditional: boolean, totality: (functionId: number) => Totality): boolean {
  switch (node.tag) {
    case 'SUBLINK':
      // Whether a sub-select runs shows in the time it takes.
      return !conditional
    case 'FUNCEXPR':
      return isTotalCall(totality(numberField(node, 'funcid')), node)
    case 'AGGREF':
      return totality(numberField(node, 'aggfnoid')) === 'always'
    case 'WINDOWFUNC':
      return totality(numberField(node, 'winfnoid')) === 'always'
    case 'OPEXPR':
    case 'DISTINCTEXPR':
    case 'NULLIFEXPR':
    case 'SCALARARRAYOPEXPR':
      return isTotalCall(totality(numberField(node, 'opfuncid')), node)
    case 'COERCEVIAIO':
      return TEXT_TYPES.has(numberField(node, 'resulttype'))
    case 'ARRAYEXPR':
      return !flagField(node, 'multidims')
    case 'SUBSCRIPTINGREF':
      return field(node, 'refassgnexpr') === null
    default:
      return NEVER_FAILS.has(node.tag)
  }
}

function isTotalCall(when: Totality, call: TreeNode): boolean {
  const args = nodesField(call, 'args')
  if (call.fields.get('funcvariadic') === 'true') return when === 'always'
  switch (when) {
    case 'always':
      return true
    case 'first':
      return args.slice(1).every(isHarmlessConstant)
    case 'keys':
      return args.every((arg, index) => index % 2 === 1 || isHarmlessConstant(arg))
    case 'format':
      return args[0] !== undefined && isHarmlessConstant(args[0]) && !/%[-0-9$*]*I/.test(textOf(args[0]))
    case 'never':
      return false
  }
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

function bytesOf(node: TreeNode): readonly number[] | undefined {
  const value = field(node, 'constvalue')
  return value !== null && typeof value === 'object' && 'bytes' in value ? value.bytes : undefined
}

const textOf = (node: TreeNode): string => {
  const bytes = node.tag === 'CONST' ? bytesOf(node) : undefined
  return bytes === undefined ? '%I' : String.fromCharCode(...bytes)
}
