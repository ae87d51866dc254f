import { shapeOf } from './nodeShapes.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { field, flagField, isNode, nodeField, nodesField, numberField } from './treeFields.ts'

export interface Condition {
  readonly term: TreeNode
  /** A term of WHERE filters; the ON of an outer join does not. */
  readonly filters: boolean
}

/** Every ON, and every WHERE split at its outermost AND. */
export function conditionsOf(query: TreeNode): readonly Condition[] {
  const found: Condition[] = []
  const split = (value: TreeValue): void => {
    if (!isNode(value)) return
    if (value.tag === 'BOOLEXPR' && field(value, 'boolop') === 'and') nodesField(value, 'args').forEach(split)
    else found.push({ term: value, filters: true })
  }
  const visit = (node: TreeNode): void => {
    if (node.tag === 'FROMEXPR') {
      split(field(node, 'quals'))
      nodesField(node, 'fromlist').forEach(visit)
    } else if (node.tag === 'JOINEXPR') {
      const term = field(node, 'quals')
      if (isNode(term)) found.push({ term, filters: false })
      for (const side of ['larg', 'rarg']) visit(nodeField(node, side))
    }
  }
  visit(nodeField(query, 'jointree'))
  return found
}

/** PostgreSQL's SetOperation. */
const SETOP_UNION = 1

/** Whether a set operation, at any level of it, compares whole rows: everything but UNION ALL does. */
export function removesDuplicates(operation: TreeValue): boolean {
  if (!isNode(operation) || operation.tag !== 'SETOPERATIONSTMT') return false
  if (numberField(operation, 'op') !== SETOP_UNION || !flagField(operation, 'all')) return true
  return removesDuplicates(field(operation, 'larg')) || removesDuplicates(field(operation, 'rarg'))
}

/** Whether evaluating an expression may give several rows or none. */
export function returnsSet(value: TreeValue): boolean {
  if (Array.isArray(value)) return value.some(returnsSet)
  if (!isNode(value) || value.tag === 'SUBLINK') return false
  if (value.fields.get('funcretset') === 'true' || value.fields.get('opretset') === 'true') return true
  return [...(shapeOf(value.tag)?.nodes ?? [])].some((name) => returnsSet(value.fields.get(name) ?? null))
}

/** For trees outside a query, such as the expression of a generated column: the columns of its own table that it reads. */
export function columnsRead(value: TreeValue): ReadonlySet<number> {
  const found = new Set<number>()
  const visit = (item: TreeValue): void => {
    if (Array.isArray(item)) item.forEach(visit)
    else if (isNode(item)) {
      if (item.tag === 'VAR') found.add(numberField(item, 'varattno'))
      for (const name of shapeOf(item.tag)?.nodes ?? []) visit(item.fields.get(name) ?? null)
    }
  }
  visit(value)
  return found
}
