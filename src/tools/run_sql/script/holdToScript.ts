import type { Statement, StatementOperation } from '../syntax/classify.ts'
import { walkTree } from '../syntax/walkTree.ts'

/** What a script cannot hold, beside what never runs at all. */
export function holdToScript(statement: Statement): Statement {
  const why = whyNot(statement)
  if (why === undefined) return { ...statement, effect: 'write', role: 'write' }
  const operations = statement.operations.map(
    (found): StatementOperation => ({ ...found, floor: 'deny', because: `${found.operation} never runs here: ${why}` }),
  )
  return { ...statement, effect: 'write', role: 'write', operations }
}

function whyNot({ kind, form, root }: Statement): string | undefined {
  if (kind === 'TransactionStmt') return 'a script is one transaction already; leave it out'
  if (form === 'explain' || kind === 'VariableShowStmt') {
    return 'the statements of a script answer no rows; send it in a call of its own'
  }
  // Where a temporary object stands is another place in each session: what is shown would not be what is meant.
  if (namesTemporary(root)) return 'a script makes and uses no temporary objects; use a WITH clause'
  return undefined
}

function namesTemporary(root: Statement['root']): boolean {
  for (const { kind, node, parent } of walkTree(root)) {
    if (kind !== 'RangeVar') {
      const schemaname = kind === 'CreateSchemaStmt' ? node.schemaname : undefined
      if (typeof schemaname === 'string' && isTemporary(schemaname)) return true
      // Functions, types and other objects are named by lists of these; constants have another form.
      if (kind === 'String' && parent?.kind !== 'A_Const' && isTemporary(String(node.sval))) return true
      continue
    }
    if (node.relpersistence === 't') return true
    if (typeof node.schemaname === 'string' && isTemporary(node.schemaname)) return true
  }
  return false
}

const isTemporary = (schema: string): boolean => /^pg_temp(?:$|_)/.test(schema)
