import { shapeOf } from './nodeShapes.ts'
import { COMMAND, RTE, rowSources } from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { at, field, isNode, nodesField, numberField } from './treeFields.ts'

/**
 * The relations a statement reads rows of, views and what is behind them included. The target of a write counts when
 * RETURNING gives back rows that were there before.
 */
export function relationsRead(query: TreeNode, viewQuery: (relation: number) => TreeNode | undefined): Set<number> {
  const found = new Set<number>()

  function add(relation: number): void {
    if (found.has(relation)) return
    found.add(relation)
    const view = viewQuery(relation)
    if (view !== undefined) visit(view)
  }

  function visit(value: TreeValue): void {
    if (Array.isArray(value)) {
      for (const item of value) visit(item)
      return
    }
    if (!isNode(value)) return
    if (value.tag === 'QUERY') noteSources(value)
    for (const name of shapeOf(value.tag)?.nodes ?? []) visit(value.fields.get(name) ?? null)
  }

  function noteSources(inner: TreeNode): void {
    const entries = nodesField(inner, 'rtable')
    const target = numberField(inner, 'resultRelation')
    for (const index of rowSources(inner)) {
      const entry = at(entries, index, 'range table entry')
      if (numberField(entry, 'rtekind') !== RTE.relation) continue
      if (index !== target || returnsOldRows(inner)) add(numberField(entry, 'relid'))
    }
  }

  visit(query)
  return found
}

function returnsOldRows(query: TreeNode): boolean {
  if (nodesField(query, 'returningList').length === 0) return false
  return numberField(query, 'commandType') !== COMMAND.insert || field(query, 'onConflict') !== null
}
