import { type Hold, settleHold } from '../approvals/hold.ts'
import type { Outcome } from '../approvals/transitions.ts'
import { GateError } from '../errors.ts'
import type { Gates } from './gates.ts'

const RETRY_MS = 1_000
const RETRIES = 300

/**
 * Closes the hold with what became of the call. A store that cannot be used just now is tried again behind the answer:
 * otherwise the record would say `executing` until the next start. Never rejects.
 */
export async function settleSurely(hold: Hold, outcome: Outcome, callId: string, gates: Gates): Promise<void> {
  try {
    await settleHold(hold, outcome, gates.approvals)
  } catch (error) {
    gates.onBug(callId, error)
    if (!isFinal(error)) retry(hold, outcome, RETRIES, gates)
  }
}

function retry(hold: Hold, outcome: Outcome, left: number, gates: Gates): void {
  if (left === 0) return
  const timer = setTimeout(() => {
    settleHold(hold, outcome, gates.approvals).catch((error: unknown) => {
      if (!isFinal(error)) retry(hold, outcome, left - 1, gates)
    })
  }, RETRY_MS)
  timer.unref()
}

/** Another run has seized the hold: it looks the outcome up and closes it. */
function isFinal(error: unknown): boolean {
  return error instanceof GateError && error.code === 'ERR_LEASE_LOST'
}
