import { shapeOf } from './nodeShapes.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { field, isNode, nodeField, nodesField, numberField } from './treeFields.ts'

/** Whether the WHERE of an UPDATE or DELETE chooses rows: there, not there, or there without looking at the row. */
export type Where = 'present' | 'absent' | 'constant'

export function whereOf(query: TreeNode): Where {
  const conditions = field(nodeField(query, 'jointree'), 'quals')
  if (conditions === null) return 'absent'
  return chooses(conditions, numberField(query, 'resultRelation')) ? 'present' : 'constant'
}

/** `true`, `1 = 1`, `id = id` and `id = 1 OR true` choose nothing. */
function chooses(value: TreeValue, target: number): boolean {
  if (!isNode(value)) return false
  if (value.tag === 'BOOLEXPR') {
    const args = nodesField(value, 'args')
    return field(value, 'boolop') === 'or'
      ? args.every((arg) => chooses(arg, target))
      : args.some((arg) => chooses(arg, target))
  }
  if (value.tag === 'OPEXPR') {
    const [left, right] = nodesField(value, 'args')
    if (left !== undefined && right !== undefined && isSame(left, right)) return false
  }
  return mentions(value, target, 0)
}

function mentions(value: TreeValue, target: number, depth: number): boolean {
  if (Array.isArray(value)) return value.some((item) => mentions(item, target, depth))
  if (!isNode(value)) return false
  if (value.tag === 'VAR' && numberField(value, 'varlevelsup') === depth && numberField(value, 'varno') === target) {
    return true
  }
  const inner = value.tag === 'QUERY' ? depth + 1 : depth
  return [...(shapeOf(value.tag)?.nodes ?? [])].some((name) => mentions(value.fields.get(name) ?? null, target, inner))
}

function isSame(left: TreeValue, right: TreeValue): boolean {
  if (!isNode(left) || !isNode(right)) return JSON.stringify(left) === JSON.stringify(right)
  if (left.tag !== right.tag || left.fields.size !== right.fields.size) return false
  return [...left.fields].every(([name, value]) => {
    if (name === 'location') return true
    const other = right.fields.get(name) ?? null
    if (Array.isArray(value) && Array.isArray(other)) {
      return value.length === other.length && value.every((item, index) => isSame(item, other[index]))
    }
    return isSame(value, other)
  })
}
