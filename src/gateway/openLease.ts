import type { Lease } from '../approvals/approval.ts'
import type { LeaseStore } from '../approvals/ports.ts'
import { GateError } from '../errors.ts'

export interface HeldLease {
  readonly current: () => Lease
  /** False from the moment it has run out until it is taken anew. */
  readonly isLive: () => Promise<boolean>
  readonly close: () => void
}

const LEASE_MS = 30_000
const RENEW_MS = 10_000

/**
 * Takes this replica's lease and keeps it. Without a live lease nothing executes: every hold asks for it.
 *
 * A lease that ran out (the clock stepped, the machine slept) is taken anew, as a new run would: what the old one left
 * executing can no longer be settled by it, and is looked up and closed like anything a crash left. The trail's lock
 * makes sure that no other process has this replica's name.
 */
export async function openLease(
  store: LeaseStore,
  replica: string,
  clock: () => number,
  onLost: (error: unknown) => void,
  renewMs: number = RENEW_MS,
): Promise<HeldLease> {
  let lease = await store.acquireLease(replica, LEASE_MS, clock())
  const keep = async () => {
    if (await store.renewLease(lease, LEASE_MS, clock())) return
    onLost(new GateError('ERR_LEASE_LOST'))
    lease = await store.acquireLease(replica, LEASE_MS, clock())
  }
  const timer = setInterval(() => void keep().catch(onLost), renewMs)
  timer.unref()
  return {
    current: () => lease,
    isLive: () => store.isLeaseLive(lease, clock()),
    close: () => clearInterval(timer),
  }
}
