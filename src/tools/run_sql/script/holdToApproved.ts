import type { Fact, Operation } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { Analysis } from '../analysis/analysis.ts'
import type { Judgement } from '../judgeStatement.ts'

/**
 * Stops a statement of a script that turns out to do more than was said of it before anything ran. Protected columns
 * are more in any case: who approved did not see that they would be read, written or compared.
 *
 * @param shown everything that was said of it
 * @throws GateError ERR_SQL_SCRIPT_CHANGED
 */
export function holdToApproved(number: number, { operations, analysis }: Judgement, shown: readonly Operation[]): void {
  for (const operation of operations) {
    if (!shown.some((allowed) => covers(allowed, operation))) throw exceeded(number, operation.operation)
  }
  const columns = analysis === undefined ? [] : protectedIn(analysis, operations)
  if (columns.length > 0) throw exceeded(number, `the use of ${columns.join(', ')}`)
}

function covers(shown: Operation, now: Operation): boolean {
  if (shown.operation !== now.operation || now.floor === 'deny') return false
  const isWithin = (fact: 'tables' | 'functions'): boolean => {
    const said = listed(shown.facts[fact])
    return listed(now.facts[fact]).every((name) => said.includes(name))
  }
  const choosesRows = shown.facts.where !== 'present' || now.facts.where === 'present'
  return isWithin('tables') && isWithin('functions') && choosesRows
}

function protectedIn(analysis: Analysis, operations: readonly Operation[]): readonly string[] {
  const written = operations.flatMap(({ facts }) => listed(facts.columns))
  const shown = analysis.outputs.flatMap(({ protectedBy }) => protectedBy)
  return [...new Set([...analysis.protectedRead, ...analysis.protectedInPredicates, ...written, ...shown])].sort()
}

const listed = (fact: Fact | undefined): readonly string[] => (Array.isArray(fact) ? fact : [])

function exceeded(number: number, what: string): GateError {
  return new GateError('ERR_SQL_SCRIPT_CHANGED', {
    detail: `Statement ${number}: ${what}.`,
    facts: { statement: number, operation: what },
  })
}
