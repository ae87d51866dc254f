import type { Approval } from '../approvals/approval.ts'
import type { ApprovalStore } from '../approvals/ports.ts'

/** How a waiting call stays in touch with its client. */
export interface Waiter {
  /** Aborts when the client closes the stream: that ends the wait, never the request for approval. */
  readonly signal: AbortSignal
  progress(message: string): Promise<void>
}

/** Real clients cut calls that show no sign of life for 60 seconds; some count only progress as a sign. */
const PROGRESS_MS = 10_000

/**
 * Waits until people have decided, the running execution has ended, `ms` have passed or the client has gone. Answers
 * the record as it is then. Tells the client at once, and every ten seconds, that the call is alive.
 */
export async function waitForPeople(
  approval: Approval,
  ms: number,
  waiter: Waiter,
  store: Pick<ApprovalStore, 'waitForChange'>,
): Promise<Approval> {
  const start = performance.now()
  const left = () => ms - (performance.now() - start)
  let current = approval
  while (isOpen(current) && left() > 0 && !waiter.signal.aborted) {
    const seconds = Math.round((performance.now() - start) / 1000)
    await waiter.progress(`Waiting for approval ${approval.id} (${seconds} s). Nothing has been executed.`)
    const changed = await store.waitForChange(current.id, current.version, Math.min(PROGRESS_MS, left()), waiter.signal)
    if (changed === undefined) break
    current = changed
  }
  return current
}

function isOpen({ state }: Approval): boolean {
  return state === 'pending' || state === 'executing'
}
