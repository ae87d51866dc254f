import type { Approval } from '../approvals/approval.ts'
import { followReplacements } from '../approvals/ownApproval.ts'
import type { Passage } from './passage.ts'
import { refuseRevoked } from './refuseRevoked.ts'

/** Real clients cut calls that show no sign of life for 60 seconds; some count only progress as a sign. */
const PROGRESS_MS = 10_000

/**
 * Waits until people have decided, the running execution has ended, `ms` have passed or the client has gone. Answers
 * the record as it is then, or what a reviewer wrote in its place; throws ERR_REVOKED when the caller is revoked meanwhile. Tells the client at once, and every
 * ten seconds, that the call is alive.
 */
export async function waitForPeople(
  approval: Approval,
  ms: number,
  { waiter, gates, caller }: Pick<Passage, 'waiter' | 'gates' | 'caller'>,
): Promise<Approval> {
  const { store } = gates.approvals
  const start = performance.now()
  const left = () => ms - (performance.now() - start)
  let current = await followReplacements(approval, store)
  while (isOpen(current) && left() > 0 && !waiter.signal.aborted) {
    const seconds = Math.round((performance.now() - start) / 1000)
    await waiter.progress(`${wordsFor(current)} (${seconds} s).`)
    const changed = await store.waitForChange(current.id, current.version, Math.min(PROGRESS_MS, left()), waiter.signal)
    // The kill switch wakes every wait.
    await refuseRevoked(caller, gates)
    if (changed === undefined) break
    current = await followReplacements(changed, store)
  }
  return current
}

/** While another request of the caller runs it, nobody may be told that nothing has run. */
function wordsFor({ id, state, modification }: Approval): string {
  if (state === 'executing') return `Approval ${id} was given and the call is running in another request`
  const changed = modification === undefined ? '' : 'A reviewer changed the call. '
  return `${changed}Waiting for approval ${id}; nothing has been executed`
}

function isOpen({ state }: Approval): boolean {
  return state === 'pending' || state === 'executing'
}
