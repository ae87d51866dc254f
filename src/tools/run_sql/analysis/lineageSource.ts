import { FIRST_USER_OID } from './catalogFacts.ts'
import { judgeFunction } from './functions/judgeFunction.ts'
import { needsCollation, totalityOf } from './functions/totalFunctions.ts'
import type { Protection } from './protection.ts'
import { columnsRead } from './queryParts.ts'
import type { Catalog } from './readCatalog.ts'
import { UnreadableTree } from './readNodeTree.ts'
import { CLEAN, type Taint, union } from './taint.ts'
import { type Lineage, type LineageSource, traceLineage } from './traceLineage.ts'

/** Answers the questions of lineage from catalog facts and the configured columns. */
export function lineageSource(catalog: Catalog, protection: Protection, trusted: ReadonlySet<string>): LineageSource {
  const { facts } = catalog
  const stored = new Map<number, Lineage>()
  const inProgress = new Set<number>()

  const source: LineageSource = {
    columnTaint(relation, column) {
      const parts = [protection.columnTaint(relation, column), storedTaint(relation, column)]
      const expressions = catalog.generated.get(relation)
      for (const [generated, tree] of expressions ?? []) {
        if (column !== 0 && column !== generated) continue
        for (const other of columnsRead(tree)) parts.push(protection.columnTaint(relation, other))
      }
      return union(parts)
    },
    isConfigured: (relation, column) =>
      protection.columnTaint(relation, column).size > 0 && catalog.generated.get(relation)?.has(column) !== true,
    viewQuery: (relation) => catalog.viewQueries.get(relation),
    isEquality(operator) {
      const known = facts.operators.get(operator)
      return known?.name === '=' && (known.oid < FIRST_USER_OID || known.extension === 'citext')
    },
    isOpaque(functionId) {
      const known = facts.functions.get(functionId)
      return known !== undefined && known.oid >= FIRST_USER_OID && judgeFunction(known, trusted) !== 'harmless'
    },
    totality(functionId) {
      const known = facts.functions.get(functionId)
      return known === undefined ? 'never' : totalityOf(known)
    },
    needsCollation(functionId) {
      const known = facts.functions.get(functionId)
      return known === undefined || needsCollation(known)
    },
    operatorFunction: (operator) => facts.operators.get(operator)?.functionId ?? 0,
    builtInName(functionId) {
      const known = facts.functions.get(functionId)
      return known !== undefined && known.oid < FIRST_USER_OID && known.schema === 'pg_catalog' ? known.name : undefined
    },
    virtualColumn(relation, column) {
      const found = facts.relations.get(relation)?.generated.find((item) => item.column === column)
      return found?.virtual === true ? catalog.generated.get(relation)?.get(column) : undefined
    },
    storedPredicates: (relation) => storedLineage(relation)?.deciding ?? CLEAN,
  }

  function storedTaint(relation: number, column: number): Taint {
    const outputs = storedLineage(relation)?.outputs
    if (outputs === undefined) return CLEAN
    return column === 0 ? union(outputs) : (outputs[column - 1] ?? union(outputs))
  }

  /** A materialised view holds what its query gave when it was filled. */
  function storedLineage(relation: number): Lineage | undefined {
    const query = catalog.storedQueries.get(relation)
    const known = stored.get(relation)
    if (query === undefined || known !== undefined) return known
    if (inProgress.has(relation)) throw new UnreadableTree('a materialised view of itself')
    inProgress.add(relation)
    const lineage = traceLineage(query, source)
    inProgress.delete(relation)
    stored.set(relation, lineage)
    return lineage
  }

  return source
}
