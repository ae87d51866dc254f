import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../settings/configError.ts'
import { describeCircumstances, isUnconditional } from './circumstances.ts'
import { isStricterAction } from './decide.ts'
import { coversPattern } from './operationPattern.ts'
import type { Condition, Rule } from './policySet.ts'

/**
 * Rules of one policy that can never decide anything, because another rule of it always gives a stricter answer or
 * says the same. Between policies this is no mistake: one that forbids a thing for everybody is there to win.
 */
export function findShadowed(rules: readonly Rule[]): Problem[] {
  return rules.flatMap((rule, index) => {
    const other = rules.find((candidate, at) => at !== index && shadows(candidate, rule, at < index))
    if (other === undefined) return []
    const why =
      other.action === rule.action
        ? 'says the same'
        : `always answers ${other.action} where this rule would ${rule.action === 'allow' ? 'allow' : 'require approval'}`
    return [
      { ...rule.place, message: `this rule can never decide: rule ${other.name} (line ${other.place.line}) ${why}` },
    ]
  })
}

/**
 * Gates that are not always there, over what another rule of the policy allows: outside their hours nothing is held
 * back. That may be meant (a gate at weekends), so it is said and stops nothing.
 */
export function findLapsing(rules: readonly Rule[]): Problem[] {
  return rules.flatMap((rule) => {
    const { during } = rule.circumstances
    if (rule.action !== 'require-approval' || during === undefined) return []
    const open = rules.find(
      (other) =>
        other.action === 'allow' &&
        other.circumstances.during === undefined &&
        rule.operations?.some((narrow) => other.operations?.some((wide) => coversPattern(wide, narrow))) === true,
    )
    if (open === undefined) return []
    const hours = during.map(({ text }) => text).join(' and ')
    const message = `outside ${hours} this rule holds nothing back, and rule ${open.name} (line ${open.place.line}) allows without approval`
    return [{ ...rule.place, message }]
  })
}

function shadows(other: Rule, rule: Rule, earlier: boolean): boolean {
  if (other.action === rule.action)
    return saysTheSame(other, rule) && (earlier ? holdsAsOften : holdsMoreOften)(other, rule)
  return isStricterAction(other.action, rule.action) && matchesWherever(other, rule)
}

function saysTheSame(other: Rule, rule: Rule): boolean {
  return (
    isDeepStrictEqual(new Set(other.operations), new Set(rule.operations)) &&
    (other.operations === undefined) === (rule.operations === undefined) &&
    isDeepStrictEqual(wantedBy(other), wantedBy(rule)) &&
    isDeepStrictEqual(other.approval, rule.approval) &&
    other.message === rule.message
  )
}

/**
 * Only rules without further conditions count as covering: whether two conditions imply each other is known to the
 * tool alone, and a deny matches on less than an allow.
 */
function matchesWherever(other: Rule, rule: Rule): boolean {
  if (!holdsWherever(other, rule)) return false
  const everyTool = [...rule.conditions.keys()].every((tool) => other.conditions.get(tool)?.length === 0)
  if (!everyTool || other.operations === undefined) return everyTool
  const wide = other.operations
  return rule.operations?.every((narrow) => wide.some((pattern) => coversPattern(pattern, narrow))) === true
}

function holdsAsOften(other: Rule, rule: Rule): boolean {
  const [left, right] = [other, rule].map(({ circumstances }) => describeCircumstances(circumstances))
  return isDeepStrictEqual(left, right) || holdsMoreOften(other, rule)
}

/** A gate with a rate is not the same as one without: used up, it denies. */
function holdsMoreOften(other: Rule, rule: Rule): boolean {
  const isRatedGate = rule.action === 'require-approval' && rule.circumstances.atMost !== undefined
  return isUnconditional(other.circumstances) && !isUnconditional(rule.circumstances) && !isRatedGate
}

/** Used up, a gate still denies what it would gate: its rate lets nothing past it. */
function holdsWherever(other: Rule, rule: Rule): boolean {
  const asked = { ...other.circumstances, atMost: undefined }
  if (isUnconditional(asked)) return true
  const given = { ...rule.circumstances, atMost: undefined }
  return isDeepStrictEqual(describeCircumstances(asked), describeCircumstances(given))
}

function wantedBy({ conditions }: Rule): unknown {
  const plain = (list: readonly Condition[]) => Object.fromEntries(list.map(({ key, wanted }) => [key, wanted]))
  return new Map([...conditions].map(([tool, list]) => [tool, plain(list)]))
}
