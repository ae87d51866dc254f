import type { Operation } from '../../../call.ts'
import { FIRST_USER_OID, type FunctionFacts } from './catalogFacts.ts'
import type { Findings } from './findings.ts'
import { judgeFunction } from './functions/judgeFunction.ts'
import { readsOnlyPublicSettings } from './functions/settingNames.ts'
import { objectName } from './objectName.ts'
import { UnreadableTree } from './readNodeTree.ts'

/** One operation for each function that is not harmless, however the statement comes to call it. */
export function functionOperations({ tree, catalog, options }: Findings): readonly Operation[] {
  const trusted = new Set(options.trustedFunctions)
  const operations = new Map<string, Operation>()
  const direct = new Set(catalog.references.functions)
  for (const oid of catalog.references.operators) direct.add(catalog.facts.operators.get(oid)?.functionId ?? 0)
  const operatorsBehind = [...catalog.passive.operators].map((oid) => catalog.facts.operators.get(oid)?.functionId ?? 0)

  const add = (oid: number, because: string, indirect: boolean): void => {
    const facts = catalog.facts.functions.get(oid)
    if (facts === undefined) throw new UnreadableTree(`nothing known of function ${oid}`)
    const verdict = judgeFunction(facts, trusted)
    if (verdict === 'harmless') return
    if (verdict === 'unlisted' && isBuiltin(facts, 'current_setting')) {
      if (indirect || readsOnlyPublicSettings(tree.query, oid)) return
    }
    // Serial columns and identities take their next number; that is part of any INSERT.
    if (indirect && isBuiltin(facts, 'nextval')) return
    const name = objectName(facts.schema, facts.name)
    const operation = `function:${name}`
    operations.set(operation, {
      operation,
      otherwise: 'require-approval',
      ...(verdict === 'denied' ? { floor: 'deny' as const } : {}),
      because: verdict === 'denied' ? `${name} reaches outside of what can be judged` : because,
      facts: { functions: [name], schemas: [facts.schema] },
    })
  }
  for (const oid of direct) if (oid !== 0) add(oid, 'the statement calls it', false)
  for (const [oid, because] of catalog.indirect) if (!direct.has(oid)) add(oid, because, true)
  for (const oid of operatorsBehind)
    if (oid !== 0 && !direct.has(oid)) add(oid, 'a consequence of the statement calls it', true)
  return [...operations.values()]
}

const isBuiltin = (facts: FunctionFacts, name: string): boolean =>
  facts.oid < FIRST_USER_OID && facts.schema === 'pg_catalog' && facts.name === name
