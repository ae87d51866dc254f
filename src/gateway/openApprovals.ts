import type { ApprovalGate } from '../approvals/clearance.ts'
import type { StateStore } from '../approvals/ports.ts'
import { recordEvents } from '../approvals/recordEvents.ts'
import { resolveApprovalRules } from '../approvals/settings.ts'
import type { Trail } from '../audit/trail.ts'
import type { Config } from '../config/loadConfig.ts'
import type { LookUpOutcome } from '../tools/tool.ts'
import type { Closing } from './closeAll.ts'
import { type HeldLease, openLease } from './openLease.ts'
import { recordApprovalEvents } from './recordApprovalEvents.ts'
import { type Recovered, recoverCalls } from './recoverCalls.ts'
import type { ReportProblem } from './reportProblems.ts'

interface ApprovalParts {
  readonly config: Config
  readonly replica: string
  readonly store: StateStore
  readonly trail: Trail
  readonly nameGroup: (id: string) => string
  readonly lookUpOutcome: LookUpOutcome
  /** There is news of an approval, and it is on record. */
  readonly onNews: () => void
  readonly problem: ReportProblem
}

export interface OpenApprovals {
  readonly approvals: ApprovalGate & { readonly store: StateStore }
  readonly lease: HeldLease
  /** What the last run left open. */
  readonly recovered: Recovered
}

/**
 * Takes the lease of this run and closes what the last one left open: events that the trail does not have yet, and calls
 * that were executing. Nothing new is served before that.
 */
export async function openApprovals(parts: ApprovalParts, closing: Closing): Promise<OpenApprovals> {
  const { config, replica, store, trail, lookUpOutcome, problem } = parts
  const clock = () => Date.now()
  const recordInTrail = recordApprovalEvents(trail, parts.nameGroup)
  const recordEvent: ApprovalGate['recordEvent'] = async (event, approval) => {
    await recordInTrail(event, approval)
    parts.onNews()
  }
  const lease = await openLease(
    store,
    replica,
    clock,
    problem('the lease ran out and is taken anew: what was executing is looked up'),
  )
  closing.push(lease.close)
  const rules = resolveApprovalRules(config.approvals, config.groups)
  const approvals = { store, rules: () => rules, lease: lease.current, recordEvent, clock }
  await recordEvents(store, recordEvent)
  const orphans = { approvals, lease: lease.current(), lookUpOutcome }
  const recovered = await recoverCalls({ ...orphans, auditDir: config.audit.dir, replica, trail })
  return { approvals, lease, recovered }
}
