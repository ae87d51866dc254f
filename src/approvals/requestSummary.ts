import { type Approval, decidingVote } from './approval.ts'

/** What became of one request, for statistics: small, and without anything of what was asked. */
export interface RequestSummary {
  readonly createdAt: number
  readonly callerKey: string
  /** Names of the reviewer sets. */
  readonly needs: readonly string[]
  readonly outcome: RequestOutcome
  /** When people approved, denied or changed it. */
  readonly decidedAt: number | undefined
  /** Written by a reviewer, in the place of a request of the agent's. */
  readonly written: boolean
  readonly rules: readonly AskingRule[]
}

/** `approved` whatever became of it then. Every request has one. */
export type RequestOutcome = 'waiting' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'modified'

/** What made the call wait: a rule, or the gate itself for consequences that no rule names. */
export interface AskingRule {
  readonly policy: string | undefined
  readonly rule: string | undefined
  /** file:line */
  readonly source: string | undefined
  /** Where no rule asked: the family of the operation, `function:*`. */
  readonly consequence: string | undefined
}

export function summarize(approval: Approval): RequestSummary {
  const { createdAt, caller, needs, modification } = approval
  const outcome = outcomeOf(approval)
  return {
    createdAt,
    callerKey: caller.key,
    needs: needs.map(({ set }) => set),
    outcome,
    decidedAt: decidedAt(approval, outcome),
    written: modification !== undefined,
    rules: rulesOf(approval),
  }
}

function outcomeOf({ state, claimBy }: Approval): RequestOutcome {
  switch (state) {
    case 'pending':
      return 'waiting'
    case 'approved':
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return 'approved'
    case 'denied':
    case 'modified':
      return state
    case 'expired':
    case 'withdrawn':
      // It was approved, and then nobody came for it.
      return claimBy === undefined ? state : 'approved'
  }
}

function decidedAt(approval: Approval, outcome: RequestOutcome): number | undefined {
  if (outcome === 'approved' || outcome === 'denied') return decidingVote(approval)?.at
  return outcome === 'modified' ? approval.settledAt : undefined
}

/** Each rule once, however many operations it stopped. */
function rulesOf({ verdicts }: Approval): readonly AskingRule[] {
  const found = new Map<string, AskingRule>()
  for (const { action, policy, rule, source, operation } of verdicts) {
    if (action !== 'require-approval') continue
    const name = operation.operation
    const colon = name.indexOf(':')
    const consequence = rule !== undefined ? undefined : colon < 0 ? name : `${name.slice(0, colon)}:*`
    found.set(JSON.stringify([policy, rule, consequence]), { policy, rule, source, consequence })
  }
  return [...found.values()]
}
