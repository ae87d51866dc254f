import type { Fact, Operation } from '../call.ts'
import type { Masker } from './masker.ts'
import { maskingFailed } from './maskingFailed.ts'
import { maskString } from './maskValue.ts'

/** What policy judged stands in the request too, whole: beside a verdict its beginning is enough. */
const MAX_FACT = 2_000

/**
 * Operations as reviewers, agents and the trail may see them. Facts may be words of the caller (a path, a body), and
 * those may hold secrets. Policy judges and the digest covers what was there before.
 *
 * @throws GateError ERR_MASKING when anything goes wrong inside.
 */
export function maskOperation(operation: Operation, masker: Masker): Operation {
  try {
    const facts = Object.entries(operation.facts).map(([name, fact]) => [name, maskFact(fact, masker)] as const)
    return { ...operation, facts: Object.fromEntries(facts) }
  } catch (cause) {
    throw maskingFailed(cause)
  }
}

function maskFact(fact: Fact, masker: Masker): Fact {
  if (typeof fact === 'string') return maskWords(fact, masker)
  return Array.isArray(fact) ? fact.map((word: string) => maskWords(word, masker)) : fact
}

function maskWords(text: string, masker: Masker): string {
  // Masked whole first: half a secret is not recognised.
  const masked = maskString(text, undefined, masker, () => {})
  return masked.length > MAX_FACT ? `${masked.slice(0, MAX_FACT)}...` : masked
}
