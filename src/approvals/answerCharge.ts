import type { Decision, RatedRule } from '../call.ts'
import { GateError } from '../errors.ts'

/** What the store knows of one rule and one caller, within the time of the rule. */
export interface RuleUses {
  readonly times: number
  /** When a use will have room again; undefined when there is room now. */
  readonly freeAt: number | undefined
}

export type Charged =
  | { readonly ok: true; readonly used: readonly RatedRule[] }
  /** This rule has no room, and nothing was counted. */
  | { readonly ok: false; readonly rule: RatedRule; readonly freeAt: number }

/**
 * Which rules a call uses, or which one stops it: of each entry at least one rule must have room, and all that have are
 * used. Pure; stores run it in the transaction that counts the uses.
 */
export function answerCharge(charges: Decision['charges'], usesOf: (rule: RatedRule) => RuleUses): Charged {
  const used = new Map<string, RatedRule>()
  for (const entry of charges) {
    let soonest: { readonly rule: RatedRule; readonly freeAt: number } | undefined
    let open = false
    for (const rule of entry) {
      const { freeAt } = usesOf(rule)
      if (freeAt === undefined) {
        open = true
        used.set(`${rule.policy}/${rule.rule}`, rule)
      } else if (soonest === undefined || freeAt < soonest.freeAt) soonest = { rule, freeAt }
    }
    if (!open && soonest !== undefined) return { ok: false, ...soonest }
  }
  return { ok: true, used: [...used.values()] }
}

/** The denial of a call whose rule is used up. */
export function rateStop({ rule, freeAt }: Charged & { readonly ok: false }, now: number): GateError {
  const { policy, rule: name, limit, windowMs } = rule
  const at = new Date(freeAt).toISOString()
  return new GateError('ERR_POLICY_RATE', {
    detail: `Rule ${name} of policy ${policy} lets a caller through ${limit} times in ${windowMs / 60_000} min; next at ${at}.`,
    facts: { policy, rule: name, retry_after_seconds: Math.max(1, Math.ceil((freeAt - now) / 1000)) },
  })
}
