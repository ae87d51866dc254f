import {
  type ForeignKeyFacts,
  type RuleFacts,
  readConsequenceFacts,
  readConstraintColumns,
  type TriggerFacts,
} from './consequenceFacts.ts'
import type { Write } from './describeWrite.ts'
import type { Protection } from './protection.ts'
import { columnsRead } from './queryParts.ts'
import { outputEntries, RTE, rowSources } from './queryScope.ts'
import type { Catalog } from './readCatalog.ts'
import { addIndirectTree, followReferences } from './readCatalog.ts'
import { readNodeTree } from './readNodeTree.ts'
import type { AnalysisSession } from './session.ts'
import { CLEAN, type Taint, union } from './taint.ts'
import { at, nodeField, nodesField, numberField } from './treeFields.ts'

type WriteAction = 'INSERT' | 'UPDATE' | 'DELETE'

/** One table that is written, by the statement itself or behind a view it names. */
interface Effect {
  readonly relation: number
  readonly action: WriteAction
  /** Columns written; undefined for all. */
  readonly columns: ReadonlySet<number> | undefined
}

export interface Consequences {
  /** Tables behind updatable views that the statement writes. */
  readonly behindViews: readonly { readonly write: Write; readonly relation: number }[]
  readonly triggers: readonly TriggerFacts[]
  readonly rules: readonly RuleFacts[]
  /** Tables changed by foreign keys, and how. */
  readonly cascades: ReadonlyMap<number, ReadonlySet<WriteAction>>
  readonly keys: readonly ForeignKeyFacts[]
  /** Protected columns whose values a unique index or a foreign key compares with what is written. */
  readonly compared: Taint
}

/** Foreign-key actions that change rows of the referring table. */
const CHANGING: ReadonlySet<string> = new Set(['c', 'n', 'd'])
const TRIGGER_EVENT: Readonly<Record<WriteAction, number>> = { INSERT: 4, DELETE: 8, UPDATE: 16 }
const RULE_EVENT: Readonly<Record<WriteAction, string>> = { UPDATE: '2', INSERT: '3', DELETE: '4' }

/**
 * Looks up everything that a write sets off: triggers, rules, foreign-key actions on tables that refer to it and on
 * tables that refer to those, expressions of defaults, generated columns, constraints and indexes. The last go into the catalog.
 */
export async function traceConsequences(
  session: AnalysisSession,
  writes: readonly Write[],
  catalog: Catalog,
  protection: Protection,
): Promise<Consequences> {
  const behindViews = writes.flatMap((write) => behindView(write, catalog))
  const queue: Effect[] = [...writes.map((write) => ({ write, relation: write.relation })), ...behindViews].flatMap(
    ({ write, relation }) => effectsOf(write, relation),
  )
  const triggers = new Map<number, TriggerFacts>()
  const rules = new Map<number, RuleFacts>()
  const cascades = new Map<number, Set<WriteAction>>()
  const keys = new Map<number, ForeignKeyFacts>()
  const compared: Taint[] = []
  const done = new Set<string>()

  for (const constraint of new Set(writes.map((write) => write.conflictConstraint))) {
    if (constraint === 0) continue
    const columns = await readConstraintColumns(session, constraint)
    for (const write of writes) {
      if (write.conflictConstraint !== constraint) continue
      compared.push(...columns.map((column) => protection.columnTaint(write.relation, column)))
    }
  }

  /** A generated column shows what it is made from. */
  const taintOfColumn = (relation: number, column: number): Taint => {
    const expression = catalog.generated.get(relation)?.get(column)
    const sources = expression === undefined ? [] : [...columnsRead(expression)]
    return union([column, ...sources].map((source) => protection.columnTaint(relation, source)))
  }
  /** The columns written, and those that follow from them. */
  const withGenerated = ({ relation, columns }: Effect): ReadonlySet<number> | undefined => {
    if (columns === undefined) return undefined
    const generated = [...(catalog.generated.get(relation) ?? [])]
    const following = generated.filter(([, expression]) => overlaps(columns, [...columnsRead(expression)]))
    return new Set([...columns, ...following.map(([column]) => column)])
  }
  /** `CHECK (low < salary)`: what is written to one column is compared with what stands in the others. */
  const checkedWith = (relation: number, effect: Effect, tree: string): Taint => {
    const read = [...columnsRead(readNodeTree(tree))]
    const known = relation === effect.relation ? withGenerated(effect) : undefined
    if (!overlaps(known, read)) return CLEAN
    const standing = read.filter((column) => known?.has(column) !== true)
    return union(standing.map((column) => taintOfColumn(relation, column)))
  }

  while (queue.length > 0) {
    const batch = queue.splice(0).filter(({ relation, action, columns }) => {
      const key = `${relation} ${action} ${columns === undefined ? '' : [...columns].sort().join(',')}`
      return !done.has(key) && done.add(key)
    })
    if (batch.length === 0) break
    const facts = await readConsequenceFacts(session, [...new Set(batch.map((effect) => effect.relation))])
    for (const effect of batch) {
      const family = new Set(
        facts.family.filter(({ root }) => root === effect.relation).map(({ relation }) => relation),
      )
      const { action, columns } = effect
      for (const trigger of facts.triggers) {
        if (family.has(trigger.relation) && (trigger.events & TRIGGER_EVENT[action]) !== 0)
          triggers.set(trigger.oid, trigger)
      }
      for (const rule of facts.rules) {
        if (rule.relation === effect.relation && rule.event === RULE_EVENT[action]) rules.set(rule.oid, rule)
      }
      for (const key of facts.keys) {
        if (family.has(key.to)) {
          const how = action === 'DELETE' ? key.onDelete : action === 'UPDATE' ? key.onUpdate : 'a'
          const touchesKey = action === 'DELETE' || key.to !== effect.relation || overlaps(columns, key.toColumns)
          // Whether rows refer to this one shows in an error, or in how many change.
          if (action !== 'INSERT' && touchesKey) {
            compared.push(...key.fromColumns.map((column) => taintOfColumn(key.from, column)))
          }
          if (CHANGING.has(how) && touchesKey) {
            keys.set(key.oid, key)
            const next: WriteAction = action === 'DELETE' && how === 'c' ? 'DELETE' : 'UPDATE'
            cascades.set(key.from, (cascades.get(key.from) ?? new Set<WriteAction>()).add(next))
            queue.push({ relation: key.from, action: next, columns: new Set(key.fromColumns) })
          }
        }
        if (family.has(key.from) && action !== 'DELETE' && overlaps(columns, key.fromColumns)) {
          compared.push(...key.toColumns.map((column) => taintOfColumn(key.to, column)))
        }
      }
      if (action !== 'DELETE') {
        for (const unique of facts.uniques) {
          if (!family.has(unique.relation)) continue
          if (unique.relation === effect.relation && !overlaps(withGenerated(effect), unique.columns)) continue
          compared.push(...unique.columns.map((column) => taintOfColumn(unique.relation, column)))
        }
        for (const { relation, kind, tree } of facts.expressions) {
          if (!family.has(relation) || (kind === 'default' && !usesDefaults(effect, writes))) continue
          addIndirectTree(catalog, tree, `a ${WORD[kind]} of the table that is written calls it`)
          if (kind === 'check' && action === 'UPDATE') compared.push(checkedWith(relation, effect, tree))
        }
      }
      for (const relation of family) catalog.passive.relations.add(relation)
    }
    for (const relation of cascades.keys()) catalog.passive.relations.add(relation)
  }
  for (const trigger of triggers.values()) catalog.passive.functions.add(trigger.functionId)
  await followReferences(session, catalog)

  return {
    behindViews,
    triggers: [...triggers.values()].filter(({ copyOf }) => !triggers.has(copyOf)),
    rules: [...rules.values()],
    cascades,
    keys: [...keys.values()],
    compared: union(compared),
  }
}

const WORD = { default: 'default', generated: 'generated column', check: 'constraint', index: 'index' } as const

function overlaps(columns: ReadonlySet<number> | undefined, others: readonly number[]): boolean {
  return columns === undefined || others.some((column) => columns.has(column))
}

/** INSERT fills in what it does not name; UPDATE only where it says DEFAULT, or a foreign key does. */
function usesDefaults(effect: Effect, writes: readonly Write[]): boolean {
  if (effect.action === 'INSERT') return true
  const own = writes.filter((write) => write.relation === effect.relation)
  return own.length === 0 || own.some((write) => write.usesDefaults)
}

function effectsOf(write: Write, relation: number): Effect[] {
  const effects: Effect[] = []
  // Columns of a view have other numbers than those of the table behind it: all of them may be written.
  const named = relation === write.relation
  if (write.inserts)
    effects.push({ relation, action: 'INSERT', columns: named ? new Set(write.assigned.keys()) : undefined })
  if (write.updates) effects.push({ relation, action: 'UPDATE', columns: named ? write.updated : undefined })
  if (write.deletes) effects.push({ relation, action: 'DELETE', columns: undefined })
  return effects
}

/** The tables behind an automatically updatable view: those of simple views, through several of them. */
function behindView(write: Write, catalog: Catalog): { write: Write; relation: number }[] {
  const found: { write: Write; relation: number }[] = []
  for (let view = catalog.viewQueries.get(write.relation); view !== undefined; ) {
    const [source, ...more] = rowSources(view)
    if (source === undefined || more.length > 0) break
    const entry = at(nodesField(view, 'rtable'), source, 'range table entry')
    if (numberField(entry, 'rtekind') !== RTE.relation) break
    const relation = numberField(entry, 'relid')
    found.push({ write, relation })
    view = catalog.viewQueries.get(relation)
  }
  return found
}

/** What a column of a write's target is protected as. */
export function targetTaint(write: Write, column: number, catalog: Catalog, protection: Protection): Taint {
  let relation = write.relation
  let number = column
  for (let view = catalog.viewQueries.get(relation); view !== undefined; view = catalog.viewQueries.get(relation)) {
    const output = nodeField(at(outputEntries(view), number, 'view column'), 'expr')
    const [source] = rowSources(view)
    if (output.tag !== 'VAR' || source === undefined) return CLEAN
    const entry = at(nodesField(view, 'rtable'), source, 'range table entry')
    if (numberField(entry, 'rtekind') !== RTE.relation) return CLEAN
    relation = numberField(entry, 'relid')
    number = numberField(output, 'varattno')
  }
  return protection.columnTaint(relation, number)
}
