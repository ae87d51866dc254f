import { describeWrite, multiAssignments, type Write } from './describeWrite.ts'
import { createFailureCheck, type FailureSource } from './failureByValue.ts'
import { shapeOf } from './nodeShapes.ts'
import { conditionsOf, removesDuplicates, returnsSet } from './queryParts.ts'
import {
  outputEntries,
  type QueryScope,
  RTE,
  rangeTableEntry,
  resolveCte,
  resolveVar,
  rowSources,
} from './queryScope.ts'
import { type TreeNode, type TreeValue, UnreadableTree } from './readNodeTree.ts'
import { CLEAN, OPAQUE, type Taint, union, withoutOpaque } from './taint.ts'
import { at, field, flagField, isNode, nodeField, nodesField, numberField, textsField } from './treeFields.ts'

/** What the catalog knows, as far as lineage needs it. */
export interface LineageSource extends FailureSource {
  /** Protected columns behind a column of a relation that holds rows; column 0 is the whole row. */
  columnTaint(relation: number, column: number): Taint
  /** Whether a column is protected itself, and not merely made from one that is. */
  isConfigured(relation: number, column: number): boolean
  /** Protected columns that decided which rows a materialised view holds. */
  storedPredicates(relation: number): Taint
  /** Whether an operator is an equality that is built in. */
  isEquality(operator: number): boolean
  /** Whether a function may read tables by itself, and nobody vouches for it. */
  isOpaque(functionId: number): boolean
}

export interface Lineage {
  /** What flows into each output column, in order. */
  readonly outputs: readonly Taint[]
  /**
   * Protected columns that can show in the number of rows, their order, an error or the time it takes: predicates,
   * orderings, groupings, joins, and conversions that fail for some values. The comparisons in `equalities` are not in it.
   */
  readonly predicates: Taint
  /** Those of them that decide which rows the outermost query gives. */
  readonly deciding: Taint
  /** Protected columns compared with a constant for equality, at the top level of the outermost WHERE. */
  readonly equalities: Taint
  /** Every protected column that is read at all. */
  readonly read: Taint
  readonly writes: readonly Write[]
}

interface Flow {
  readonly outputs: readonly Taint[]
  readonly predicates: Taint
}

const OPAQUE_TAINT: Taint = new Set([OPAQUE])

/** A statement that takes more steps than this is refused: views of views multiply. */
const MAX_STEPS = 2_000_000

/** Attribute number of ctid. */
const ROW_PLACE = -1

/** SubLinkType EXISTS, and ParamKind MULTIEXPR. */
const EXISTS_SUBLINK = 0
const MULTIEXPR_PARAM = 3

/**
 * Follows every protected column through one analysed query, into outputs, predicates and assignments. Explicit flows
 * are followed through every expression; a sub-select in an expression also carries its predicates along, because
 * whether it finds a row depends on them.
 */
export function traceLineage(query: TreeNode, source: LineageSource): Lineage {
  let steps = 0
  const predicates = new Set<string>()
  const equalities = new Set<string>()
  const read = new Set<string>()
  const writes = new Map<TreeNode, Write>()
  const expressions = new Map<TreeNode, Taint>()
  const flows = new Map<TreeNode, Flow>()
  const ctes = new Map<TreeNode, Flow>()
  const approximations = new Map<TreeNode, Flow>()
  const viewsInProgress = new Set<number>()
  const addAll = (into: Set<string>, taint: Taint): void => {
    for (const column of taint) into.add(column)
  }

  function taintOf(value: TreeValue, scope: QueryScope): Taint {
    if (Array.isArray(value)) return union(value.map((item) => taintOf(item, scope)))
    if (!isNode(value)) return CLEAN
    const known = expressions.get(value)
    if (known !== undefined) return known
    if (++steps > MAX_STEPS) throw new UnreadableTree('too many steps')
    const taint = taintOfNode(value, scope)
    expressions.set(value, taint)
    return taint
  }

  function taintOfNode(node: TreeNode, scope: QueryScope): Taint {
    switch (node.tag) {
      case 'VAR':
        return taintOfVar(node, scope)
      case 'SUBLINK':
        return taintOfSubLink(node, scope)
      case 'WINDOWFUNC':
        return union([taintOfParts(node, scope), windowTaint(numberField(node, 'winref'), scope)])
      case 'PARAM':
        return numberField(node, 'paramkind') === MULTIEXPR_PARAM
          ? taintOf(multiAssignments(scope.query), scope)
          : CLEAN
      case 'QUERY':
        throw new UnreadableTree('a query where an expression must stand')
      default:
        return taintOfParts(node, scope)
    }
  }

  function taintOfParts(node: TreeNode, scope: QueryScope): Taint {
    const shape = shapeOf(node.tag)
    const parts: Taint[] = []
    for (const name of shape?.nodes ?? []) parts.push(taintOf(node.fields.get(name) ?? null, scope))
    for (const name of shape?.functions ?? []) {
      if (node.fields.has(name) && source.isOpaque(numberField(node, name))) parts.push(OPAQUE_TAINT)
    }
    return union(parts)
  }

  function taintOfVar(node: TreeNode, scope: QueryScope): Taint {
    const { scope: home, entry } = resolveVar(node, scope)
    const column = numberField(node, 'varattno')
    const kind = numberField(entry, 'rtekind')
    // Where a row lies depends on how long the values before it are; the other system columns say nothing of values.
    if (column === ROW_PLACE) return relationTaint(numberField(entry, 'relid'), 0)
    if (column < 0) return CLEAN
    switch (kind) {
      case RTE.relation:
        return relationTaint(numberField(entry, 'relid'), column)
      case RTE.subquery:
        return columnOf(flowOf(nodeField(entry, 'subquery'), home), column)
      case RTE.join: {
        const aliases = field(entry, 'joinaliasvars') as readonly TreeValue[]
        return taintOf(column === 0 ? aliases : at(aliases, column, 'join column'), home)
      }
      case RTE.function:
        return taintOf(field(entry, 'functions'), home)
      case RTE.tableFunction:
        return taintOf(field(entry, 'tablefunc'), home)
      case RTE.values: {
        const rows = field(entry, 'values_lists') as readonly (readonly TreeValue[])[]
        return union(rows.map((row) => taintOf(column === 0 ? row : at(row, column, 'VALUES column'), home)))
      }
      case RTE.cte:
        return columnOf(cteFlow(entry, home), column)
      case RTE.group:
        return taintOf(at(nodesField(entry, 'groupexprs'), column, 'grouping column'), home)
      case RTE.result:
        return CLEAN
      default:
        throw new UnreadableTree(`range table entry of kind ${kind}`)
    }
  }

  function relationTaint(relation: number, column: number): Taint {
    const view = source.viewQuery(relation)
    const within = view === undefined ? CLEAN : columnOf(viewFlow(relation, view), column)
    const taint = union([source.columnTaint(relation, column), within])
    addAll(read, withoutOpaque(taint))
    return taint
  }

  function viewFlow(relation: number, view: TreeNode): Flow {
    if (viewsInProgress.has(relation)) throw new UnreadableTree('a view of itself')
    viewsInProgress.add(relation)
    const flow = flowOf(view, undefined)
    viewsInProgress.delete(relation)
    return flow
  }

  function taintOfSubLink(node: TreeNode, scope: QueryScope): Taint {
    const flow = flowOf(nodeField(node, 'subselect'), scope)
    const outputs = numberField(node, 'subLinkType') === EXISTS_SUBLINK ? CLEAN : union(flow.outputs)
    return union([outputs, flow.predicates, taintOf(field(node, 'testexpr'), scope)])
  }

  function windowTaint(reference: number, scope: QueryScope): Taint {
    const found = nodesField(scope.query, 'windowClause').filter((item) => numberField(item, 'winref') === reference)
    return union(found.map((item) => oneWindowTaint(item, scope)))
  }

  function oneWindowTaint(item: TreeNode, scope: QueryScope): Taint {
    const keys = ['partitionClause', 'orderClause'].flatMap((name) => nodesField(item, name))
    return union([
      ...keys.map((key) => sortKeyTaint(key, scope)),
      taintOf(field(item, 'startOffset'), scope),
      taintOf(field(item, 'endOffset'), scope),
    ])
  }

  /** A sort, grouping or distinct key names an entry of the target list. */
  function sortKeyTaint(key: TreeNode, scope: QueryScope): Taint {
    const reference = numberField(key, 'tleSortGroupRef')
    const entries = nodesField(scope.query, 'targetList')
    const entry = entries.find((item) => numberField(item, 'ressortgroupref') === reference)
    if (entry === undefined) throw new UnreadableTree('a sort key without an expression')
    // The entries of a set operation are those of its first arm only.
    if (field(scope.query, 'setOperations') !== null) {
      return at(setOperationOutputs(scope), numberField(entry, 'resno'), 'set operation column')
    }
    return taintOf(field(entry, 'expr'), scope)
  }

  function setOperationOutputs(scope: QueryScope): readonly Taint[] {
    const arms = rowSources(scope.query).map((index) => {
      const entry = rangeTableEntry(scope, index)
      return flowOf(nodeField(entry, 'subquery'), scope).outputs
    })
    return (arms[0] ?? []).map((_, column) => union(arms.map((arm) => at(arm, column + 1, 'arm column'))))
  }

  function cteFlow(entry: TreeNode, scope: QueryScope): Flow {
    const { scope: home, cte } = resolveCte(entry, scope)
    return declaredCteFlow(cte, home)
  }

  /** A recursive query feeds its own output back: it is traced again until nothing new flows. */
  function declaredCteFlow(cte: TreeNode, home: QueryScope): Flow {
    const current = approximations.get(cte) ?? ctes.get(cte)
    if (current !== undefined) return current
    const query = nodeField(cte, 'ctequery')
    if (!flagField(cte, 'cterecursive')) {
      const flow = flowOf(query, home)
      ctes.set(cte, flow)
      return flow
    }
    let flow: Flow = { outputs: outputEntries(query).map(() => CLEAN), predicates: CLEAN }
    for (let before = -1; before !== sizeOf(flow); ) {
      before = sizeOf(flow)
      approximations.set(cte, flow)
      for (const memory of [expressions, flows, ctes]) memory.clear()
      flow = flowOf(query, home)
      flow = { ...flow, predicates: union([flow.predicates, cycleTaint(cte, flow)]) }
    }
    approximations.delete(cte)
    ctes.set(cte, flow)
    return flow
  }

  /** CYCLE goes no further from a row whose columns have been seen before. */
  function cycleTaint(cte: TreeNode, flow: Flow): Taint {
    const cycle = field(cte, 'cycle_clause')
    if (!isNode(cycle)) return CLEAN
    const columns = textsField(cte, 'ctecolnames')
    const compared = textsField(cycle, 'cycle_col_list').map((name) =>
      at(flow.outputs, columns.indexOf(name) + 1, name),
    )
    addAll(predicates, withoutOpaque(union(compared)))
    return union(compared)
  }

  function flowOf(inner: TreeNode, outer: QueryScope | undefined): Flow {
    const known = flows.get(inner)
    if (known !== undefined) return known
    if (++steps > MAX_STEPS) throw new UnreadableTree('too many steps')
    const scope = { query: inner, outer }
    const write = describeWrite(scope, (value, home) => {
      failures.check(value, home)
      return taintOf(value, home)
    })
    if (write !== undefined) writes.set(inner, write)
    const isSetOperation = field(inner, 'setOperations') !== null
    const entries = outputEntries(inner)
    const outputs = isSetOperation
      ? setOperationOutputs(scope)
      : entries.map((entry) => taintOf(field(entry, 'expr'), scope))
    const flow = { outputs, predicates: predicateTaint(scope, outputs) }
    flows.set(inner, flow)
    return flow
  }

  function predicateTaint(scope: QueryScope, outputs: readonly Taint[]): Taint {
    const { query: inner } = scope
    const parts: Taint[] = []
    const use = (value: TreeValue): void => {
      parts.push(taintOf(value, scope))
      failures.check(value, scope)
    }
    for (const { term, filters } of conditionsOf(inner)) {
      const equal = inner === query && filters ? equalityTaint(term, scope) : CLEAN
      if (equal.size > 0) addAll(equalities, withoutOpaque(equal))
      else use(term)
    }
    for (const name of ['havingQual', 'limitOffset', 'limitCount']) use(field(inner, name))
    if (inner.fields.has('mergeJoinCondition')) use(field(inner, 'mergeJoinCondition'))
    for (const action of nodesField(inner, 'mergeActionList')) use(field(action, 'qual'))
    const onConflict = field(inner, 'onConflict')
    if (isNode(onConflict)) {
      for (const name of ['arbiterElems', 'arbiterWhere', 'onConflictWhere']) use(field(onConflict, name))
    }
    for (const name of ['sortClause', 'groupClause', 'distinctClause']) {
      for (const key of nodesField(inner, name)) parts.push(sortKeyTaint(key, scope))
    }
    for (const item of nodesField(inner, 'windowClause')) parts.push(oneWindowTaint(item, scope))
    if (removesDuplicates(field(inner, 'setOperations'))) parts.push(...outputs)
    for (const entry of nodesField(inner, 'targetList')) {
      failures.check(field(entry, 'expr'), scope)
      if (returnsSet(field(entry, 'expr'))) parts.push(taintOf(field(entry, 'expr'), scope))
    }
    failures.checkRow(
      outputEntries(inner).map((entry) => field(entry, 'expr')),
      scope,
    )
    for (const entry of nodesField(inner, 'returningList')) failures.check(field(entry, 'expr'), scope)
    for (const index of rowSources(inner)) parts.push(sourcePredicates(rangeTableEntry(scope, index), scope))
    for (const cte of nodesField(inner, 'cteList')) parts.push(declaredCteFlow(cte, scope).predicates)
    const taint = union(parts)
    addAll(predicates, withoutOpaque(taint))
    return taint
  }

  /** What decides how many rows a table expression gives. */
  function sourcePredicates(entry: TreeNode, scope: QueryScope): Taint {
    const parts = [taintOf(field(entry, 'securityQuals'), scope)]
    for (const name of ['functions', 'tablefunc', 'tablesample']) {
      if (!entry.fields.has(name)) continue
      parts.push(taintOf(field(entry, name), scope))
      failures.check(field(entry, name), scope)
    }
    const kind = numberField(entry, 'rtekind')
    if (kind === RTE.subquery) parts.push(flowOf(nodeField(entry, 'subquery'), scope).predicates)
    if (kind === RTE.values) failures.check(field(entry, 'values_lists'), scope)
    if (kind === RTE.relation) {
      const relation = numberField(entry, 'relid')
      // A sample is drawn by the places of rows and pages.
      if (isNode(field(entry, 'tablesample'))) parts.push(relationTaint(relation, 0))
      const view = source.viewQuery(relation)
      if (view !== undefined) parts.push(viewFlow(relation, view).predicates)
      parts.push(source.storedPredicates(relation))
    }
    return union(parts)
  }

  /** The protected columns of `column = constant`, when the comparison is exactly that. */
  function equalityTaint(condition: TreeNode, scope: QueryScope): Taint {
    if (condition.tag !== 'OPEXPR' || !source.isEquality(numberField(condition, 'opno'))) return CLEAN
    const [left, right] = nodesField(condition, 'args').map(unlabelled)
    if (left === undefined || right === undefined) return CLEAN
    if (isConstant(right) && isPlainColumn(left, scope)) return taintOf(left, scope)
    if (isConstant(left) && isPlainColumn(right, scope)) return taintOf(right, scope)
    return CLEAN
  }

  /** A column of a table itself, possibly by way of views and sub-selects that only pass it on. */
  function isPlainColumn(node: TreeNode, scope: QueryScope): boolean {
    const plain = unlabelled(node)
    if (plain.tag !== 'VAR') return false
    const { scope: home, entry } = resolveVar(plain, scope)
    const column = numberField(plain, 'varattno')
    if (column <= 0) return false
    const kind = numberField(entry, 'rtekind')
    const within =
      kind === RTE.subquery
        ? nodeField(entry, 'subquery')
        : kind === RTE.relation
          ? source.viewQuery(numberField(entry, 'relid'))
          : undefined
    if (within === undefined) return kind === RTE.relation && source.isConfigured(numberField(entry, 'relid'), column)
    if (field(within, 'setOperations') !== null) return false
    const output = at(outputEntries(within), column, 'column')
    return isPlainColumn(nodeField(output, 'expr'), { query: within, outer: kind === RTE.subquery ? home : undefined })
  }

  const failures = createFailureCheck(taintOf, source, (taint) => addAll(predicates, withoutOpaque(taint)))
  const { outputs, predicates: deciding } = flowOf(query, undefined)
  return {
    outputs,
    predicates,
    deciding: withoutOpaque(union([deciding, equalities])),
    equalities,
    read,
    writes: [...writes.values()],
  }
}

function columnOf(flow: Flow, column: number): Taint {
  // Column 0 is the whole row; columns past the query's own are those of SEARCH and CYCLE, made from all of them.
  return flow.outputs[column - 1] ?? union(flow.outputs)
}

const sizeOf = (flow: Flow): number => flow.predicates.size + flow.outputs.reduce((sum, taint) => sum + taint.size, 0)

function unlabelled(node: TreeNode): TreeNode {
  return node.tag === 'RELABELTYPE' ? unlabelled(nodeField(node, 'arg')) : node
}

const isConstant = (node: TreeNode): boolean =>
  node.tag === 'CONST' || (node.tag === 'PARAM' && numberField(node, 'paramkind') === 0)
