import type { Lease } from '../approvals/approval.ts'
import type { LeaseStore } from '../approvals/ports.ts'

export interface HeldLease {
  readonly current: () => Lease
  /** False once another run has taken this replica's name, or renewing has failed for too long. */
  readonly isLive: () => Promise<boolean>
  readonly close: () => void
}

const LEASE_MS = 30_000
const RENEW_MS = 10_000

/** Takes this replica's lease and keeps it. Without a live lease nothing executes: every hold asks for it. */
export async function openLease(
  store: LeaseStore,
  replica: string,
  clock: () => number,
  onLost: (error: unknown) => void,
): Promise<HeldLease> {
  const lease = await store.acquireLease(replica, LEASE_MS, clock())
  const timer = setInterval(() => {
    store.renewLease(lease, LEASE_MS, clock()).then((kept) => {
      if (!kept) onLost(new Error('another run took the lease'))
    }, onLost)
  }, RENEW_MS)
  timer.unref()
  return {
    current: () => lease,
    isLive: () => store.isLeaseLive(lease, clock()),
    close: () => clearInterval(timer),
  }
}
