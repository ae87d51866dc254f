import { RESULT_KEPT_MS } from './openOrJoin.ts'
import type { IdempotentWrite } from './ports.ts'

/** Whether an earlier write under this key answers for the new one. A failed one may be tried again unchanged. */
export function answersFor(earlier: IdempotentWrite, write: IdempotentWrite, now: number): boolean {
  if (earlier.state === 'executing') return true
  if (earlier.state === 'failed' && earlier.digest === write.digest) return false
  return earlier.settledAt === undefined || now - earlier.settledAt < RESULT_KEPT_MS
}
