import { shapeOf } from './nodeShapes.ts'
import { type QueryScope, RTE, resolveVar } from './queryScope.ts'
import { type TreeNode, type TreeValue, UnreadableTree } from './readNodeTree.ts'
import { at, field, isNode, isNumbers, nodesField, nodesIn, numberField, numbersField } from './treeFields.ts'

/** Everything in a tree that the catalog must explain. */
export interface References {
  readonly relations: Set<number>
  readonly functions: Set<number>
  readonly operators: Set<number>
  /** Types of values that occur. */
  readonly types: Set<number>
  /** Types that values are converted to: their input functions and domain constraints run. */
  readonly conversions: Set<number>
  /** Operator -> the function the tree says it is. */
  readonly operatorFunctions: Map<number, number>
}

export const noReferences = (): References => ({
  relations: new Set(),
  functions: new Set(),
  operators: new Set(),
  types: new Set(),
  conversions: new Set(),
  operatorFunctions: new Map(),
})

/** FirstLowInvalidHeapAttributeNumber: column numbers in the server's bitmaps are shifted by it. */
const FIRST_LOW_INVALID = -7

/**
 * Visits every node of a query tree, collects what it refers to, and holds the reading against the server's: every
 * column that the server itself would check the SELECT privilege of must have been found as a Var. Throws
 * UnreadableTree for a node or field that is not known, and for a column that was missed. `surroundings` are those of an
 * expression that stands in the catalog and names columns of its table, also from inside a sub-select.
 */
export function collectReferences(tree: TreeValue, into: References, surroundings?: QueryScope): void {
  walk(tree, surroundings, into, new Map())
}

/** Columns found, per range table entry. */
type Seen = Map<TreeNode, Set<number>>

function walk(value: TreeValue, scope: QueryScope | undefined, into: References, seen: Seen | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, scope, into, seen)
  } else if (isNode(value)) {
    walkNode(value, scope, into, seen)
  }
}

function walkNode(node: TreeNode, scope: QueryScope | undefined, into: References, seen: Seen | undefined): void {
  const shape = shapeOf(node.tag)
  if (shape === undefined) throw new UnreadableTree(`unknown node ${node.tag}`)
  for (const name of node.fields.keys()) {
    if (!shape.all.has(name)) throw new UnreadableTree(`unknown field ${node.tag}.${name}`)
  }
  addAll(into.functions, node, shape.functions)
  addAll(into.operators, node, shape.operators)
  addAll(into.types, node, shape.types)
  addAll(into.conversions, node, shape.conversions)

  if (node.tag === 'QUERY') {
    const inner = { query: node, outer: scope }
    for (const name of shape.nodes) walk(node.fields.get(name) ?? null, inner, into, seen)
    requireNothingElse(node)
    if (seen !== undefined) requireAllSelected(node, seen)
    return
  }
  if (node.tag === 'VAR' && scope !== undefined && seen !== undefined) noteVar(node, scope, into, seen)
  if (
    node.tag === 'OPEXPR' ||
    node.tag === 'DISTINCTEXPR' ||
    node.tag === 'NULLIFEXPR' ||
    node.tag === 'SCALARARRAYOPEXPR'
  ) {
    if (numberField(node, 'opfuncid') !== 0) {
      into.operatorFunctions.set(numberField(node, 'opno'), numberField(node, 'opfuncid'))
    }
  }
  if (node.tag === 'RANGETBLENTRY') noteEntry(node, into)
  for (const name of shape.nodes) {
    // The columns of a join are there whether or not anything reads them; noteVar follows the ones that are read.
    const columns = name === 'joinaliasvars' ? undefined : seen
    walk(node.fields.get(name) ?? null, scope, into, columns)
  }
}

function addAll(into: Set<number>, node: TreeNode, names: readonly string[]): void {
  for (const name of names) {
    const value = node.fields.get(name)
    if (value === undefined || value === null) continue
    for (const oid of isNumbers(value) ? value.numbers : [numberField(node, name)]) if (oid !== 0) into.add(oid)
  }
}

function noteVar(node: TreeNode, scope: QueryScope, into: References, seen: Seen): void {
  const { scope: home, entry } = resolveVar(node, scope)
  const column = numberField(node, 'varattno')
  const kind = numberField(entry, 'rtekind')
  if (kind === RTE.relation) {
    const columns = seen.get(entry) ?? new Set()
    seen.set(entry, columns.add(column))
  } else if (kind === RTE.join) {
    const aliases = field(entry, 'joinaliasvars') as readonly TreeValue[]
    walk(column === 0 ? aliases : at(aliases, column, 'join column'), home, into, seen)
  }
}

const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(RTE))

function noteEntry(entry: TreeNode, into: References): void {
  const kind = numberField(entry, 'rtekind')
  if (!KNOWN_KINDS.has(kind)) throw new UnreadableTree(`range table entry of kind ${kind}`)
  if (kind === RTE.relation) into.relations.add(numberField(entry, 'relid'))
}

/** A stored query has neither a utility statement nor the results of the rewriter in it. */
function requireNothingElse(query: TreeNode): void {
  for (const name of ['utilityStmt', 'withCheckOptions']) {
    if (field(query, name) !== null) throw new UnreadableTree(`QUERY.${name}`)
  }
}

function requireAllSelected(query: TreeNode, seen: Seen): void {
  const onConflict = field(query, 'onConflict')
  for (const entry of nodesField(query, 'rtable')) {
    if (numberField(entry, 'rtekind') !== RTE.relation) continue
    const found = seen.get(entry) ?? new Set()
    if (found.has(0)) continue
    for (const bit of selectedColumns(query, entry)) {
      const column = bit + FIRST_LOW_INVALID
      if (found.has(column)) continue
      // `(u).email` is checked as a use of the whole row, and stored as the column that it came to.
      if (column === 0 && found.size > 0) continue
      // ON CONFLICT ON CONSTRAINT reads the columns of the constraint; they are looked up with the constraint.
      if (isNode(onConflict) && numberField(onConflict, 'constraint') !== 0) continue
      throw new UnreadableTree(`column ${column} of relation ${numberField(entry, 'relid')} was missed`)
    }
  }
}

/** PostgreSQL 15 keeps the columns in the entry, later majors beside the range table. */
function selectedColumns(query: TreeNode, entry: TreeNode): readonly number[] {
  if (entry.fields.has('selectedCols')) return numbersField(entry, 'selectedCols')
  const index = numberField(entry, 'perminfoindex')
  if (index === 0) return []
  return numbersField(at(nodesIn(field(query, 'rteperminfos'), 'rteperminfos'), index, 'permissions'), 'selectedCols')
}
