import type { Operation } from '../../../call.ts'
import type { Write } from './describeWrite.ts'
import { type Findings, relationFacts, sorted } from './findings.ts'
import { objectName } from './objectName.ts'
import { COMMAND } from './queryScope.ts'
import { union } from './taint.ts'
import { targetTaint } from './traceConsequences.ts'
import { numberField } from './treeFields.ts'
import { whereOf } from './whereOf.ts'

/** One operation for each kind of change to each table that the statement names, or reaches through a view. */
export function writeOperations(findings: Findings): readonly Operation[] {
  const { lineage, consequences } = findings
  const named = lineage.writes.map((write) => ({ write, relation: write.relation }))
  return [...named, ...consequences.behindViews].flatMap(({ write, relation }) =>
    operationsOf(findings, write, relation),
  )
}

function operationsOf(findings: Findings, write: Write, relation: number): readonly Operation[] {
  const { catalog, tree } = findings
  const { schema, name, kind } = relationFacts(catalog, relation)
  const table = objectName(schema, name)
  const written = union(
    [...write.assigned.keys()].map((column) => targetTaint(write, column, catalog, tree.protection)),
  )
  const facts = { tables: [table], schemas: [schema], columns: sorted(written) }
  const command = numberField(write.query, 'commandType')
  const because = relation === write.relation ? {} : { because: `a view of ${table} is written` }
  const one = (operation: string): Operation => ({
    operation,
    otherwise: 'deny',
    ...because,
    facts: chooses(operation, command) ? { ...facts, where: whereOf(write.query) } : facts,
  })
  const operations: Operation[] = []
  if (command === COMMAND.merge) operations.push(one('MERGE'))
  if (write.inserts) operations.push(one('INSERT'))
  if (write.updates) operations.push(one('UPDATE'))
  if (write.deletes) operations.push(one('DELETE'))
  if (kind === 'f') {
    operations.push({
      operation: `foreign:${table}`,
      otherwise: 'require-approval',
      because: `${table} is a table of another server`,
      facts: { tables: [table], schemas: [schema] },
    })
  }
  return operations
}

/** The WHERE of an UPDATE or DELETE says which rows; MERGE and ON CONFLICT choose by joining. */
const chooses = (operation: string, command: number): boolean =>
  (operation === 'UPDATE' && command === COMMAND.update) || (operation === 'DELETE' && command === COMMAND.delete)

/** One operation for each trigger, rule and foreign key that changes something by itself. */
export function consequenceOperations({ catalog, consequences }: Findings): readonly Operation[] {
  const place = (oid: number): { table: string; facts: Operation['facts'] } => {
    const { schema, name } = relationFacts(catalog, oid)
    const table = objectName(schema, name)
    return { table, facts: { tables: [table], schemas: [schema] } }
  }
  const hanging = (kind: 'trigger' | 'rule', items: readonly { relation: number; name: string }[]): Operation[] =>
    items.map((item) => {
      const { table, facts } = place(item.relation)
      return {
        operation: `${kind}:${table}.${objectName(item.name)}`,
        otherwise: 'require-approval',
        because: `the ${kind} ${item.name} of ${table} runs`,
        facts,
      }
    })
  const cascades = [...consequences.cascades].map(([oid, actions]): Operation => {
    const { table, facts } = place(oid)
    const how = [...actions].sort().join(' and ')
    return {
      operation: `cascade:${table}`,
      otherwise: 'require-approval',
      because: `a foreign key of ${table} makes it ${how} rows`,
      facts,
    }
  })
  return [...hanging('trigger', consequences.triggers), ...hanging('rule', consequences.rules), ...cascades]
}
