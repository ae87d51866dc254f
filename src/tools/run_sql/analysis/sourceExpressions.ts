import {
  outputEntries,
  type QueryScope,
  RTE,
  rangeTableEntry,
  relationScope,
  resolveCte,
  resolveVar,
  rowSources,
} from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { at, field, nodeField, nodesField, numberField } from './treeFields.ts'

/** An expression and the query it stands in. */
export interface PlacedExpression {
  readonly value: TreeValue
  readonly scope: QueryScope
}

/** What the catalog knows about columns that are computed when they are read. */
export interface ComputedColumns {
  viewQuery(relation: number): TreeNode | undefined
  /** The expression of a virtual generated column. */
  virtualColumn(relation: number, column: number): TreeValue | undefined
}

/**
 * The expressions that a VAR stands for: the planner puts them in its place, so `CASE WHEN c THEN s.x END` computes
 * `s.x` only where `c` holds, although a sub-select gives it. `stored` for a column of a table, `rows` for what a
 * function in FROM gives.
 */
export function sourceExpressions(
  node: TreeNode,
  scope: QueryScope,
  computed: ComputedColumns,
): readonly PlacedExpression[] | 'stored' | 'rows' {
  const { scope: home, entry } = resolveVar(node, scope)
  const column = numberField(node, 'varattno')
  if (column < 0) return 'stored'
  switch (numberField(entry, 'rtekind')) {
    case RTE.relation: {
      const relation = numberField(entry, 'relid')
      const view = computed.viewQuery(relation)
      if (view !== undefined) return outputsOf({ query: view, outer: undefined }, column)
      const tree = computed.virtualColumn(relation, column)
      return tree === undefined ? 'stored' : [{ value: tree, scope: relationScope(relation) }]
    }
    case RTE.subquery:
      return outputsOf({ query: nodeField(entry, 'subquery'), outer: home }, column)
    case RTE.cte: {
      const { scope: declaring, cte } = resolveCte(entry, home)
      return outputsOf({ query: nodeField(cte, 'ctequery'), outer: declaring }, column)
    }
    case RTE.join: {
      const aliases = field(entry, 'joinaliasvars') as readonly TreeValue[]
      return [{ value: column === 0 ? aliases : at(aliases, column, 'join column'), scope: home }]
    }
    case RTE.group:
      return [{ value: at(nodesField(entry, 'groupexprs'), column, 'grouping column'), scope: home }]
    case RTE.values: {
      const rows = field(entry, 'values_lists') as readonly (readonly TreeValue[])[]
      return rows.map((row) => ({ value: column === 0 ? row : at(row, column, 'VALUES column'), scope: home }))
    }
    case RTE.result:
      return []
    default:
      return 'rows'
  }
}

function outputsOf(scope: QueryScope, column: number): readonly PlacedExpression[] {
  if (field(scope.query, 'setOperations') !== null) {
    return rowSources(scope.query).flatMap((index) => {
      const arm = nodeField(rangeTableEntry(scope, index), 'subquery')
      return outputsOf({ query: arm, outer: scope }, column)
    })
  }
  const entries = outputEntries(scope.query)
  // Columns past the query's own are those of SEARCH and CYCLE, made from all of them; so is the whole row.
  const entry = entries[column - 1]
  return (entry === undefined ? entries : [entry]).map((item) => ({ value: nodeField(item, 'expr'), scope }))
}
