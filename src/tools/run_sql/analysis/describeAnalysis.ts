import type { Json, Operation } from '../../../call.ts'
import type { Analysis } from './analysis.ts'
import { FIRST_USER_OID, type RelationFacts } from './catalogFacts.ts'
import { type Findings, relationFacts, sorted, type TaintedOutput } from './findings.ts'
import { functionOperations } from './functionOperations.ts'
import { objectName } from './objectName.ts'
import { columnsRead } from './queryParts.ts'
import { outputEntries } from './queryScope.ts'
import { UnreadableTree } from './readNodeTree.ts'
import { relationsRead } from './relationsRead.ts'
import { settlednessOf } from './settlednessOf.ts'
import { CLEAN, OPAQUE, type Taint, union, withoutOpaque } from './taint.ts'
import { targetTaint } from './traceConsequences.ts'
import { field } from './treeFields.ts'
import { catalogOperations, copyOperations, predicateOperations } from './valueOperations.ts'
import { consequenceOperations, writeOperations } from './writeOperations.ts'

/** Turns findings into operations, outputs and the facts that must be the same when the statement runs. */
export function describeAnalysis(findings: Findings): Analysis {
  const { tree, catalog, lineage, consequences, statement } = findings
  const outputs = describeOutputs(findings)
  const measured = statement.measured === true ? lineage.read : CLEAN
  const predicates = sorted(union([lineage.predicates, consequences.compared, rewritten(findings), measured]))
  const operations = [
    ...readOperations(findings),
    ...writeOperations(findings),
    ...functionOperations(findings),
    ...predicateOperations(findings, predicates),
    ...copyOperations(findings, outputs),
    ...consequenceOperations(findings),
    ...catalogOperations(findings),
  ]
  const relations = [...catalog.facts.relations.values()].sort((a, b) => a.oid - b.oid)
  return {
    operations,
    outputs: outputs.map(({ name, taint }) => ({ name, protectedBy: sorted(taint).map(tree.protection.labelOf) })),
    touchesProtected:
      consequences.compared.size > 0 || relations.some((relation) => holdsProtected(findings, relation)),
    protectedInPredicates: [...new Set([...predicates, ...lineage.equalities])].sort(),
    protectedRead: sorted(lineage.read),
    renamesProtected: relations.some((relation) => hasOtherNames(findings, relation)),
    parameterTypes: tree.parameterTypes,
    judged: describeJudged(findings, outputs, predicates),
    settled: settlednessOf(tree.query, catalog),
    restsOn: {
      relations: relations.map(({ oid, name }) => ({ oid, name })),
      functions: [...catalog.facts.functions.values()].map(({ oid, name }) => ({ oid, name })),
      operators: [...catalog.facts.operators.keys()],
      family: tree.protection.family,
    },
    relations: relations.map((relation) => ({ oid: relation.oid, name: objectName(relation.schema, relation.name) })),
  }
}

/**
 * A protected column that gets a value made from protected values: whether NOT NULL, a CHECK or a length lets it in
 * depends on them. (Into another column it is a copy.)
 */
function rewritten({ tree, catalog, lineage }: Findings): Taint {
  const found = new Set<string>()
  for (const write of lineage.writes) {
    for (const [column, taint] of write.assigned) {
      const own = targetTaint(write, column, catalog, tree.protection)
      for (const name of taint) if (own.has(name)) found.add(name)
    }
  }
  return found
}

function describeOutputs({ tree, lineage, consequences }: Findings): readonly TaintedOutput[] {
  const entries = outputEntries(tree.query)
  if (entries.length !== lineage.outputs.length) throw new UnreadableTree('outputs that do not match')
  // A rule may replace the statement, and answer with columns of its own.
  const replaced = consequences.rules.length > 0 ? tree.protection.all : CLEAN
  return entries.map((entry, index) => {
    const name = field(entry, 'resname')
    const taint = lineage.outputs[index] ?? CLEAN
    const opaque = taint.has(OPAQUE) ? tree.protection.all : CLEAN
    return { name: typeof name === 'string' ? name : '', taint: union([withoutOpaque(taint), opaque, replaced]) }
  })
}

function readOperations({ tree, catalog, lineage }: Findings): readonly Operation[] {
  const read = relationsRead(tree.query, (relation) => catalog.viewQueries.get(relation))
  const isSelect = lineage.writes.every((write) => write.query !== tree.query)
  if (!isSelect && read.size === 0) return []
  const relations = [...read].map((oid) => relationFacts(catalog, oid))
  const facts = {
    tables: relations.map(({ schema, name }) => objectName(schema, name)).sort(),
    schemas: [...new Set(relations.map(({ schema }) => schema))].sort(),
    columns: sorted(lineage.read),
  }
  return [{ operation: 'SELECT', otherwise: 'deny', facts }]
}

function holdsProtected({ tree, catalog, lineage }: Findings, relation: RelationFacts): boolean {
  return (
    tree.protection.hasProtected(relation.oid) || (catalog.storedQueries.has(relation.oid) && lineage.read.size > 0)
  )
}

function hasOtherNames({ tree, catalog }: Findings, { oid, kind }: RelationFacts): boolean {
  if (kind === 'v' || kind === 'm') return true
  const expressions = catalog.generated.get(oid)?.values() ?? []
  return [...expressions].some((expression) =>
    [...columnsRead(expression)].some((column) => tree.protection.columnTaint(oid, column).size > 0),
  )
}

function describeJudged(findings: Findings, outputs: readonly TaintedOutput[], predicates: readonly string[]): Json {
  const { tree, catalog, lineage, consequences } = findings
  const { facts } = catalog
  const pairs = (items: Iterable<{ readonly oid: number; readonly version: string }>): Json =>
    [...items].map(({ oid, version }): readonly [number, string] => [oid, version]).sort(([a], [b]) => a - b)
  const relations = [...facts.relations.values()]
  return {
    relations: relations
      .map(({ oid, schema, name, kind }): readonly [number, string] => [oid, `${objectName(schema, name)} ${kind}`])
      .sort(([a], [b]) => a - b),
    views: pairs(relations.flatMap(({ rule }) => rule ?? [])),
    policies: pairs(relations.flatMap(({ policies }) => policies)),
    functions: pairs([...facts.functions.values()].filter(({ oid }) => oid >= FIRST_USER_OID)),
    domains: pairs(facts.domains.values()),
    triggers: pairs(consequences.triggers),
    rules: pairs(consequences.rules),
    keys: consequences.keys.map(({ oid }) => oid).sort((a, b) => a - b),
    parameters: tree.parameterTypes,
    outputs: outputs.map(({ name, taint }) => [name, ...sorted(taint)]),
    predicates,
    equalities: sorted(lineage.equalities),
  }
}
