import type { Lease } from '../approvals/approval.ts'
import { type HoldStore, seizeOrphans, settleHold } from '../approvals/hold.ts'
import type { Outcome } from '../approvals/transitions.ts'
import { closeOpenCall, findOpenCalls } from '../audit/recover.ts'
import type { Trail } from '../audit/trail.ts'
import type { Json } from '../call.ts'
import type { LookUpOutcome } from '../tools/tool.ts'

export interface RecoveryParts {
  readonly auditDir: string
  readonly replica: string
  readonly trail: Trail
  readonly approvals: HoldStore
  readonly lease: Lease
  readonly lookUpOutcome: LookUpOutcome
}

/** Calls that a crash left open, by what became of them. */
export interface Recovered {
  readonly executed: number
  readonly failed: number
  readonly unknown: number
}

/** A target may need a moment to notice that its client died. */
const TRIES = 20
const PAUSE_MS = 250

type Status = 'executed' | 'failed' | 'unknown'

/**
 * Closes what the last run of this replica left open: looks each outcome up at the target, settles the approval that
 * was being executed, and writes the end of the call into the trail. Runs before anything new is served.
 */
export async function recoverCalls(parts: RecoveryParts): Promise<Recovered> {
  const { auditDir, replica, trail } = parts
  const counts = { executed: 0, failed: 0, unknown: 0 }
  const settled = await settleOrphans(parts)
  for (const open of await findOpenCalls(auditDir, replica)) {
    const { call, connection } = open.started
    const status = settled.get(call) ?? (await outcomeOf(connection, open.outcomeRef, parts))
    await closeOpenCall(trail, open, status)
    counts[status] += 1
  }
  return counts
}

/** Settles what dead runs, of this replica or another, left executing. Answers the outcome for each call id. */
export async function settleOrphans(
  parts: Pick<RecoveryParts, 'approvals' | 'lease' | 'lookUpOutcome'>,
): Promise<ReadonlyMap<string, Status>> {
  const settled = new Map<string, Status>()
  for (const { hold, callId, connection, outcomeRef } of await seizeOrphans(parts.lease, parts.approvals)) {
    const status = await outcomeOf(connection, outcomeRef, parts)
    await settleHold(hold, toOutcome(status), parts.approvals)
    settled.set(callId, status)
  }
  return settled
}

async function outcomeOf(
  connection: string | undefined,
  outcomeRef: Json | undefined,
  { lookUpOutcome }: Pick<RecoveryParts, 'lookUpOutcome'>,
): Promise<Status> {
  // The reference is durable before a change can become permanent: without one, nothing did.
  if (outcomeRef === undefined || connection === undefined) return 'failed'
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await lookUpOutcome(connection, outcomeRef).catch(() => 'unknown' as const)
    if (outcome === 'committed') return 'executed'
    if (outcome === 'aborted') return 'failed'
    if (attempt === TRIES) return 'unknown'
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

function toOutcome(status: Status): Outcome {
  switch (status) {
    case 'executed':
      return { state: 'executed', output: undefined }
    case 'failed':
      return {
        state: 'failed',
        code: 'ERR_INTERNAL',
        detail: 'The gateway stopped before the change was made permanent; nothing was changed.',
      }
    case 'unknown':
      return { state: 'unknown' }
  }
}
