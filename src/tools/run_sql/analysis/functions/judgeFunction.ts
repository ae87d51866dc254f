import { FIRST_USER_OID, type FunctionFacts } from '../catalogFacts.ts'
import { DENIED, DENIED_PREFIXES, HARMLESS } from './builtinFunctions.ts'
import { judgeExtensionFunction } from './extensionFunctions.ts'

export type FunctionVerdict = 'harmless' | 'denied' | 'unlisted'

/** The constructors that every range type gets, whoever created it. */
const RANGE_CONSTRUCTORS: ReadonlySet<string> = new Set([
  'range_constructor2',
  'range_constructor3',
  'multirange_constructor0',
  'multirange_constructor1',
  'multirange_constructor2',
])

/**
 * Whether a function, resolved to its object, may run without approval. Decided by what the object is (built in, member
 * of an extension, trusted by the operator), never by how the statement spelt it.
 */
export function judgeFunction(facts: FunctionFacts, trusted: ReadonlySet<string>): FunctionVerdict {
  const { schema, name, extension } = facts
  if (facts.oid < FIRST_USER_OID) {
    if (schema === 'information_schema') return 'harmless'
    if (schema !== 'pg_catalog') return 'unlisted'
    if (isDenied(facts)) return 'denied'
    return facts.volatility === 'i' || HARMLESS.has(name) ? 'harmless' : 'unlisted'
  }
  if (extension !== undefined) {
    const verdict = judgeExtensionFunction(extension, name)
    if (verdict === 'denied') return 'denied'
    if (verdict === 'harmless') return 'harmless'
  }
  if (facts.language === 'internal' && RANGE_CONSTRUCTORS.has(facts.source)) return 'harmless'
  return trusted.has(`${schema}.${name}`) ? 'harmless' : 'unlisted'
}

function isDenied({ name, volatility }: FunctionFacts): boolean {
  if (name === 'ts_rewrite') return volatility !== 'i'
  return DENIED.has(name) || DENIED_PREFIXES.some((prefix) => name.startsWith(prefix))
}
