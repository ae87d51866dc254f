import type { AnalysisOptions, AnalysisStatement } from './analysis.ts'
import type { RelationFacts } from './catalogFacts.ts'
import type { Catalog } from './readCatalog.ts'
import { UnreadableTree } from './readNodeTree.ts'
import type { StatementTree } from './readStatementTree.ts'
import type { Taint } from './taint.ts'
import type { Consequences } from './traceConsequences.ts'
import type { Lineage } from './traceLineage.ts'

/** Everything that was found out about one statement. */
export interface Findings {
  readonly tree: StatementTree
  readonly catalog: Catalog
  readonly lineage: Lineage
  readonly consequences: Consequences
  readonly statement: AnalysisStatement
  readonly options: AnalysisOptions
}

export interface TaintedOutput {
  readonly name: string
  readonly taint: Taint
}

export function relationFacts(catalog: Catalog, oid: number): RelationFacts {
  const facts = catalog.facts.relations.get(oid)
  if (facts === undefined) throw new UnreadableTree(`nothing known of relation ${oid}`)
  return facts
}

export const sorted = (taint: Iterable<string>): readonly string[] => [...taint].sort()
