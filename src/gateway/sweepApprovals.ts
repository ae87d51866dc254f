import type { ApprovalGate } from '../approvals/clearance.ts'
import type { StateStore } from '../approvals/ports.ts'
import { recordEvents } from '../approvals/recordEvents.ts'
import type { LookUpOutcome } from '../tools/tool.ts'
import type { HeldLease } from './openLease.ts'
import { settleOrphans } from './recoverCalls.ts'

interface SweepParts {
  readonly approvals: ApprovalGate & { readonly store: StateStore }
  readonly lease: HeldLease
  readonly lookUpOutcome: LookUpOutcome
  /** Milliseconds for which closed requests stay in the store. */
  readonly keepClosed: number
  readonly onProblem: (error: unknown) => void
}

const SWEEP_MS = 5_000

/**
 * What time does to approvals, every five seconds: they expire, they are forgotten, and what dead runs left executing is
 * settled. Answers how to stop.
 */
export function sweepApprovals(parts: SweepParts): () => void {
  const { approvals, lease, lookUpOutcome, keepClosed, onProblem } = parts
  const { store, recordEvent, clock } = approvals
  const sweep = async () => {
    await store.sweep(clock())
    await store.forgetClosed(clock() - keepClosed)
    await settleOrphans({ approvals, lease: lease.current(), lookUpOutcome })
    await recordEvents(store, recordEvent)
  }
  return repeat(SWEEP_MS, sweep, onProblem)
}

/** Does the work again and again, each time after a pause, never two at once. Answers how to stop. */
function repeat(ms: number, work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const next = () => {
    if (stopped) return
    timer = setTimeout(() => void work().catch(onError).finally(next), ms)
    timer.unref()
  }
  next()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
