import { type TreeNode, type TreeValue, UnreadableTree } from './readNodeTree.ts'
import { at, field, nodesField, numberField } from './treeFields.ts'

/** A query and the queries around it: what `varlevelsup` and `ctelevelsup` count through. */
export interface QueryScope {
  readonly query: TreeNode
  readonly outer: QueryScope | undefined
}

/** PostgreSQL's RTEKind. */
export const RTE = {
  relation: 0,
  subquery: 1,
  join: 2,
  function: 3,
  tableFunction: 4,
  values: 5,
  cte: 6,
  result: 8,
  group: 9,
} as const

/** PostgreSQL's CmdType, the same numbers on 15 to 18. */
export const COMMAND = { select: 1, update: 2, insert: 3, delete: 4, merge: 5 } as const

function scopeAbove(scope: QueryScope, levels: number): QueryScope {
  let found: QueryScope | undefined = scope
  for (let level = 0; level < levels; level++) found = found?.outer
  if (found === undefined) throw new UnreadableTree('a reference to a query that is not there')
  return found
}

export function rangeTableEntry(scope: QueryScope, index: number): TreeNode {
  return at(nodesField(scope.query, 'rtable'), index, 'range table entry')
}

/** The surroundings of an expression that stands in the catalog and names columns of one table: that table alone. */
export function relationScope(relation: number): QueryScope {
  const entry: TreeNode = {
    tag: 'RANGETBLENTRY',
    fields: new Map<string, TreeValue>([
      ['rtekind', String(RTE.relation)],
      ['relid', String(relation)],
    ]),
  }
  return { query: { tag: 'QUERY', fields: new Map<string, TreeValue>([['rtable', [entry]]]) }, outer: undefined }
}

/** The range table entry that a VAR names, its number there, and the scope it belongs to. */
export function resolveVar(node: TreeNode, scope: QueryScope): { scope: QueryScope; index: number; entry: TreeNode } {
  const home = scopeAbove(scope, numberField(node, 'varlevelsup'))
  const index = numberField(node, 'varno')
  return { scope: home, index, entry: rangeTableEntry(home, index) }
}

/** The common table expression that an entry of kind CTE names, and the scope that declares it. */
export function resolveCte(entry: TreeNode, scope: QueryScope): { scope: QueryScope; cte: TreeNode } {
  const home = scopeAbove(scope, numberField(entry, 'ctelevelsup'))
  const name = field(entry, 'ctename')
  const found = nodesField(home.query, 'cteList').filter((cte) => field(cte, 'ctename') === name)
  if (found.length !== 1 || found[0] === undefined) throw new UnreadableTree('a reference to a CTE that is not there')
  return { scope: home, cte: found[0] }
}

/** The columns a query gives to whoever reads it: the target list of a SELECT, RETURNING of everything else. */
export function outputEntries(query: TreeNode): readonly TreeNode[] {
  const list = numberField(query, 'commandType') === COMMAND.select ? 'targetList' : 'returningList'
  return nodesField(query, list).filter((entry) => field(entry, 'resjunk') === 'false')
}

/** The range table entries that rows come from: FROM, the target of a write, the arms of a set operation. */
export function rowSources(query: TreeNode): readonly number[] {
  const found = new Set<number>()
  const visit = (node: TreeNode): void => {
    if (node.tag === 'RANGETBLREF') found.add(numberField(node, 'rtindex'))
    else if (node.tag === 'FROMEXPR') for (const item of nodesField(node, 'fromlist')) visit(item)
    else if (node.tag === 'JOINEXPR' || node.tag === 'SETOPERATIONSTMT') {
      for (const side of ['larg', 'rarg']) {
        const child = field(node, side)
        if (child !== null) visit(child as TreeNode)
      }
    } else throw new UnreadableTree(`${node.tag} in FROM`)
  }
  for (const name of ['jointree', 'setOperations']) {
    const root = field(query, name)
    if (root !== null) visit(root as TreeNode)
  }
  const target = numberField(query, 'resultRelation')
  if (target !== 0) found.add(target)
  return [...found]
}
