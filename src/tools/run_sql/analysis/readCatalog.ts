import { type CatalogFacts, noFacts, type RelationFacts, readFacts } from './catalogFacts.ts'
import { collectReferences, noReferences, type References } from './collectReferences.ts'
import { relationScope } from './queryScope.ts'
import { readNodeTree, type TreeNode, type TreeValue, UnreadableTree } from './readNodeTree.ts'
import type { AnalysisSession } from './session.ts'
import { isNode, nodesIn } from './treeFields.ts'

/** The statement's surroundings: everything it refers to, however indirectly, and what the catalog says about it. */
export interface Catalog {
  readonly facts: CatalogFacts
  /** What the statement and the views it looks into refer to. */
  readonly references: References
  /** What must be known but is not run or read by the statement itself. */
  readonly passive: References
  /** Functions that run although the statement does not name them, and why. */
  readonly indirect: Map<number, string>
  readonly viewQueries: Map<number, TreeNode>
  /** Queries that filled materialised views. */
  readonly storedQueries: Map<number, TreeNode>
  readonly generated: Map<number, ReadonlyMap<number, TreeValue>>
}

export const emptyCatalog = (): Catalog => ({
  facts: noFacts(),
  references: noReferences(),
  passive: noReferences(),
  indirect: new Map(),
  viewQueries: new Map(),
  storedQueries: new Map(),
  generated: new Map(),
})

/**
 * Adds the functions of an expression that runs as a consequence, over columns of `relation` when it belongs to a table.
 * `followReferences` must come after.
 */
export function addIndirectTree(catalog: Catalog, tree: string, because: string, relation?: number): void {
  const found = noReferences()
  collectReferences(readNodeTree(tree), found, relation === undefined ? undefined : relationScope(relation))
  for (const oid of found.functions) addIndirectFunction(catalog, oid, because)
  for (const oid of found.operators) catalog.passive.operators.add(oid)
  for (const oid of found.conversions) catalog.references.conversions.add(oid)
}

function addIndirectFunction(catalog: Catalog, oid: number, because: string): void {
  catalog.passive.functions.add(oid)
  if (!catalog.indirect.has(oid)) catalog.indirect.set(oid, because)
}

/**
 * Follows references until nothing is unknown: views into their queries, domains into their constraints, row security
 * into its policies.
 */
export async function followReferences(session: AnalysisSession, catalog: Catalog): Promise<void> {
  const { facts } = catalog
  const seen = new Set<unknown>()
  while (await readFacts(session, merged(catalog), facts)) {
    for (const relation of facts.relations.values()) {
      if (catalogued(seen, relation)) includeRelation(catalog, relation)
    }
    for (const domain of facts.domains.values()) {
      if (catalogued(seen, domain))
        addIndirectTree(catalog, domain.tree, 'a domain that values are converted to calls it')
    }
    for (const oid of facts.typeFunctions) addIndirectFunction(catalog, oid, 'a type in the statement needs it')
  }
  requireFacts(merged(catalog), facts)
}

function catalogued(seen: Set<unknown>, item: unknown): boolean {
  if (seen.has(item)) return false
  seen.add(item)
  return true
}

function includeRelation(catalog: Catalog, relation: RelationFacts): void {
  const { rule } = relation
  if (rule !== undefined && relation.kind === 'v' && !catalog.viewQueries.has(relation.oid)) {
    const tree = onlyRuleQuery(rule.tree)
    catalog.viewQueries.set(relation.oid, tree)
    collectReferences(tree, catalog.references)
  }
  if (rule !== undefined && relation.kind === 'm' && !catalog.storedQueries.has(relation.oid)) {
    const tree = onlyRuleQuery(rule.tree)
    catalog.storedQueries.set(relation.oid, tree)
    const inside = noReferences()
    collectReferences(tree, inside)
    for (const oid of inside.relations) catalog.passive.relations.add(oid)
  }
  if (relation.generated.length > 0) {
    catalog.generated.set(
      relation.oid,
      new Map(relation.generated.map((item) => [item.column, readNodeTree(item.tree)])),
    )
  }
  for (const policy of relation.policies) {
    for (const tree of policy.trees) {
      addIndirectTree(catalog, tree, `row security of ${relation.schema}.${relation.name} calls it`, relation.oid)
    }
  }
}

function merged({ references, passive }: Catalog): References {
  return {
    ...references,
    relations: new Set([...references.relations, ...passive.relations]),
    functions: new Set([...references.functions, ...passive.functions]),
    operators: new Set([...references.operators, ...passive.operators]),
  }
}

/** An object that disappeared between two reads cannot be judged. */
function requireFacts(wanted: References, facts: CatalogFacts): void {
  for (const kind of ['relations', 'functions', 'operators'] as const) {
    for (const oid of wanted[kind])
      if (!facts[kind].has(oid)) throw new UnreadableTree(`nothing known of ${kind} ${oid}`)
  }
  for (const [operator, functionId] of wanted.operatorFunctions) {
    if (facts.operators.get(operator)?.functionId !== functionId)
      throw new UnreadableTree(`operator ${operator} differs`)
  }
}

function onlyRuleQuery(text: string): TreeNode {
  const [query, ...more] = nodesIn(readNodeTree(text), 'rule')
  if (!isNode(query) || query.tag !== 'QUERY' || more.length > 0)
    throw new UnreadableTree('a view that is not one query')
  return query
}
