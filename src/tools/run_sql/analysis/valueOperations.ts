import type { Operation } from '../../../call.ts'
import type { PredicateMode } from './analysis.ts'
import { isDeniedCatalog, isSystemRelation } from './deniedCatalogs.ts'
import { type Findings, relationFacts, type TaintedOutput } from './findings.ts'
import { objectName } from './objectName.ts'
import { CLEAN, OPAQUE, type Taint } from './taint.ts'
import { targetTaint } from './traceConsequences.ts'

/** One operation for each protected column whose values can show in what is not masked. */
export function predicateOperations(
  { lineage, options }: Findings,
  predicates: readonly string[],
): readonly Operation[] {
  if (options.predicates === 'allow') return []
  const columns = new Set(predicates)
  if (options.predicates !== 'equality') for (const column of lineage.equalities) columns.add(column)
  return [...columns].sort().map((column) => ({
    operation: `predicate:${column}`,
    ...answer(options.predicates),
    because: `rows, their order or an error depend on the protected column ${column}`,
    facts: columnFacts(column),
  }))
}

function answer(mode: PredicateMode): Pick<Operation, 'otherwise' | 'floor'> {
  return mode === 'deny' ? { otherwise: 'deny', floor: 'deny' } : { otherwise: 'require-approval' }
}

/** One operation for each protected column that is written to a place where it is not protected. */
export function copyOperations(findings: Findings, outputs: readonly TaintedOutput[]): readonly Operation[] {
  const { lineage, catalog, tree, statement } = findings
  const copied = new Map<string, Set<string>>()
  const note = (taint: Taint, kept: Taint, into: string): void => {
    for (const column of taint) {
      if (column !== OPAQUE && !kept.has(column))
        copied.set(column, (copied.get(column) ?? new Set<string>()).add(into))
    }
  }
  for (const write of lineage.writes) {
    const { schema, name } = relationFacts(catalog, write.relation)
    for (const [column, taint] of write.assigned) {
      if (taint.size > 0) note(taint, targetTaint(write, column, catalog, tree.protection), objectName(schema, name))
    }
  }
  if (statement.destination === 'elsewhere') for (const { taint } of outputs) note(taint, CLEAN, 'the new object')
  return [...copied]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([column, into]) => ({
      operation: `copy:${column}`,
      otherwise: 'require-approval',
      because: `the protected column ${column} is copied to ${[...into].sort().join(', ')}`,
      facts: columnFacts(column),
    }))
}

function columnFacts(column: string): Operation['facts'] {
  const table = column.slice(0, column.lastIndexOf('.'))
  return { columns: [column], tables: [table], schemas: [table.slice(0, table.indexOf('.'))] }
}

/** Catalogs that show protected values or credentials never answer; no catalog is ever written. */
export function catalogOperations({ catalog, lineage }: Findings): readonly Operation[] {
  const written = new Set(lineage.writes.map((write) => write.relation))
  const denied = [...catalog.references.relations]
    .map((oid) => relationFacts(catalog, oid))
    .filter((relation) => isDeniedCatalog(relation) || (isSystemRelation(relation) && written.has(relation.oid)))
  return denied.map(({ schema, name }) => ({
    operation: `catalog:${objectName(schema, name)}`,
    otherwise: 'deny',
    floor: 'deny',
    because: `${objectName(schema, name)} shows what masking cannot hide, or must not be changed`,
    facts: { tables: [objectName(schema, name)], schemas: [schema] },
  }))
}
