import type { Span } from './findLiterals.ts'
import { utf16Offsets } from './findLiterals.ts'
import { QUERY_KINDS } from './statementKinds.ts'
import { childrenOf, isObject, type SyntaxNode, walkTree } from './walkTree.ts'

/**
 * The literals that may be values of protected columns, in a statement that the analysis found to compare or write one.
 * A literal is shown only where it certainly belongs to another column: `status = 'open'` beside `email = '...'`, in a
 * statement in which a column name can mean nothing else (one query, no views, no renamed columns).
 */
export function hideLiterals(
  sql: string,
  root: SyntaxNode,
  literals: readonly Span[],
  protectedNames: ReadonlySet<string>,
  hasViews: boolean,
): readonly Span[] {
  const nodes = [...walkTree(root)]
  const queries = nodes.filter(({ kind }) => kind in QUERY_KINDS)
  const values = queries.filter(({ field, parent }) => field === 'selectStmt' && parent?.kind === 'InsertStmt')
  const renames = nodes.some(({ kind, node }) => kind === 'Alias' && node.colnames !== undefined)
  if (hasViews || renames || queries.length - values.length !== 1) return literals

  const offsets = utf16Offsets(sql)
  const shown = new Set<number>()
  for (const found of nodes) {
    for (const constant of certainlyElsewhere(found, protectedNames))
      shown.add(offsets(Number(constant.node.location ?? 0)))
  }
  return literals.filter(({ start }) => !shown.has(start) && !isSigned(sql, start, shown))
}

/** Constants of this node that are compared with, or assigned to, a column that is not protected; and LIMIT's. */
function certainlyElsewhere(found: SyntaxNode, names: ReadonlySet<string>): SyntaxNode[] {
  const children = childrenOf(found)
  if (found.kind === 'A_Expr') {
    const [left, right] = ['lexpr', 'rexpr'].map((field) => children.filter((child) => child.field === field))
    const column = left?.find(({ kind }) => kind === 'ColumnRef')
    if (column === undefined || left?.length !== 1 || names.has(columnNameOf(column))) return []
    return (right ?? []).flatMap((side) => (side.kind === 'List' ? childrenOf(side) : [side])).filter(isConstant)
  }
  if (found.kind === 'ResTarget' && found.parent?.kind === 'UpdateStmt' && found.field === 'targetList') {
    return names.has(String(found.node.name)) ? [] : children.filter(isConstant)
  }
  if (found.kind === 'SelectStmt') return children.filter((child) => /^limit/.test(child.field) && isConstant(child))
  if (found.kind === 'List' && found.field === 'valuesLists') {
    const columns = found.parent?.parent?.node.cols
    if (!Array.isArray(columns)) return []
    return children.filter((child, index) => {
      const column = columns[index] as unknown
      const name = isObject(column) && isObject(column.ResTarget) ? String(column.ResTarget.name) : undefined
      return isConstant(child) && name !== undefined && !names.has(name)
    })
  }
  return []
}

function isConstant({ kind }: SyntaxNode): boolean {
  return kind === 'A_Const'
}

function columnNameOf(column: SyntaxNode): string {
  const last = childrenOf(column).at(-1)
  return last?.kind === 'String' ? String(last.node.sval ?? '') : '*'
}

function isSigned(sql: string, start: number, shown: ReadonlySet<number>): boolean {
  const before = sql.slice(0, start).trimEnd()
  return before.endsWith('-') && shown.has(before.length - 1)
}
