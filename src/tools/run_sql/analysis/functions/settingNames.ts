import { SHOWABLE } from '../../syntax/statementKinds.ts'
import { shapeOf } from '../nodeShapes.ts'
import type { TreeNode, TreeValue } from '../readNodeTree.ts'
import { field, isNode, nodesField, numberField } from '../treeFields.ts'

/**
 * Whether every call of `current_setting` in a tree names, as a constant, a setting that SHOW may show as well. A name
 * with a dot is an application's, and applications keep tenants, users and sometimes keys in there.
 */
export function readsOnlyPublicSettings(tree: TreeNode, currentSetting: number): boolean {
  let found = false
  let others = false
  const visit = (value: TreeValue): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isNode(value)) return
    if (value.tag === 'FUNCEXPR' && numberField(value, 'funcid') === currentSetting) {
      found = true
      if (!SHOWABLE.has(constantText(nodesField(value, 'args')[0]).toLowerCase())) others = true
    }
    for (const name of shapeOf(value.tag)?.nodes ?? []) visit(value.fields.get(name) ?? null)
  }
  visit(tree)
  // Not found here means that it is called somewhere else, in a view.
  return found && !others
}

/** The text of a constant that has PostgreSQL's four-byte header; empty when it is anything else. */
function constantText(node: TreeNode | undefined): string {
  if (node?.tag !== 'CONST') return ''
  const value = field(node, 'constvalue')
  if (value === null || typeof value !== 'object' || !('bytes' in value)) return ''
  const [a = 0, b = 0, c = 0, d = 0] = value.bytes
  const size = value.bytes.length
  const isHeader = a + b * 256 + c * 65536 === size * 4 || d + c * 256 + b * 65536 === size
  return isHeader ? String.fromCharCode(...value.bytes.slice(4)) : ''
}
