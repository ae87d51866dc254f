import { COMMAND, type QueryScope, rangeTableEntry } from './queryScope.ts'
import type { TreeNode, TreeValue } from './readNodeTree.ts'
import { CLEAN, type Taint, union } from './taint.ts'
import { field, flagField, isNode, nodeField, nodesField, numberField } from './treeFields.ts'

/** One table that one INSERT, UPDATE, DELETE or MERGE writes. */
export interface Write {
  readonly query: TreeNode
  readonly relation: number
  readonly inserts: boolean
  readonly updates: boolean
  readonly deletes: boolean
  /** Columns assigned, and what flows into them. */
  readonly assigned: ReadonlyMap<number, Taint>
  /** Columns that existing rows get new values in. */
  readonly updated: ReadonlySet<number>
  /** An UPDATE sets a column to DEFAULT. */
  readonly usesDefaults: boolean
  /** The constraint named in ON CONFLICT ON CONSTRAINT, 0 for none. */
  readonly conflictConstraint: number
}

/** What a query writes, undefined when it only reads. `taintOf` is asked for every assigned expression. */
export function describeWrite(
  scope: QueryScope,
  taintOf: (value: TreeValue, scope: QueryScope) => Taint,
): Write | undefined {
  const { query: inner } = scope
  const command = numberField(inner, 'commandType')
  if (command === COMMAND.select) return undefined
  const relation = numberField(rangeTableEntry(scope, numberField(inner, 'resultRelation')), 'relid')
  const onConflict = field(inner, 'onConflict')
  const actions = actionsOf(inner, command)
  const acts = (kind: number): boolean => actions.some((action) => action.command === kind)
  const assigned = new Map<number, Taint>()
  const updated = new Set<number>()
  for (const action of actions) {
    for (const entry of action.entries) {
      const taint = taintOf(field(entry, 'expr'), scope)
      if (flagField(entry, 'resjunk')) continue
      const column = numberField(entry, 'resno')
      assigned.set(column, union([assigned.get(column) ?? CLEAN, taint]))
      if (action.command === COMMAND.update) updated.add(column)
    }
  }
  return {
    query: inner,
    relation,
    inserts: acts(COMMAND.insert),
    updates: acts(COMMAND.update),
    deletes: acts(COMMAND.delete),
    assigned,
    updated,
    usesDefaults: actions.some(({ entries }) =>
      entries.some((entry) => nodeField(entry, 'expr').tag === 'SETTODEFAULT'),
    ),
    conflictConstraint: isNode(onConflict) ? numberField(onConflict, 'constraint') : 0,
  }
}

interface WriteAction {
  readonly command: number
  readonly entries: readonly TreeNode[]
}

function actionsOf(query: TreeNode, command: number): readonly WriteAction[] {
  const actions = nodesField(query, 'mergeActionList').map((action) => ({
    command: numberField(action, 'commandType'),
    entries: nodesField(action, 'targetList'),
  }))
  if (command !== COMMAND.merge) actions.push({ command, entries: nodesField(query, 'targetList') })
  const onConflict = field(query, 'onConflict')
  if (isNode(onConflict) && nodesField(onConflict, 'onConflictSet').length > 0) {
    actions.push({ command: COMMAND.update, entries: nodesField(onConflict, 'onConflictSet') })
  }
  return actions
}

/**
 * The sub-selects behind `SET (a, b) = (SELECT ...)`: they stand, hidden, at the end of the list of assignments, and
 * their columns are parameters.
 */
export function multiAssignments(query: TreeNode): readonly TreeNode[] {
  const entries = actionsOf(query, numberField(query, 'commandType')).flatMap((action) => action.entries)
  return entries.filter((entry) => flagField(entry, 'resjunk')).map((entry) => nodeField(entry, 'expr'))
}
