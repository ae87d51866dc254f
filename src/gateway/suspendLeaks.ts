import type { RevocationStore } from '../approvals/ports.ts'
import { revocationKey } from '../approvals/revocationKeys.ts'
import type { Trail } from '../audit/trail.ts'
import type { Caller } from '../call.ts'
import type { CredentialDetector } from '../masking/credentials.ts'
import { createMasker, type Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'

/** Calls in which the server's own credentials turned up, before the caller is suspended. */
const HITS = 3
/** Callers whose hits are counted at once; the least recent is forgotten first. */
const REMEMBERED = 10_000

const REASON = 'Server-held credentials turned up in three of its calls.'

/**
 * Makes the masker of each call. A server-held credential never belongs in a request or a result; a caller in whose
 * calls one turns up three times is stopped by the kill switch until an operator has looked.
 */
export function suspendLeaks(
  detector: CredentialDetector,
  store: Pick<RevocationStore, 'revoke'>,
  trail: Trail,
  onProblem: (error: unknown) => void,
): (caller: Caller | undefined) => Masker {
  const hits = new Map<string, number>()

  async function suspend(caller: Caller): Promise<void> {
    const { number } = await store.revoke(
      revocationKey({ kind: 'caller', id: caller.key }),
      'gateway',
      REASON,
      Date.now(),
    )
    const reason = maskFreeText(
      REASON,
      createMasker(detector, () => {}),
    )
    const revocation = { revocation: String(number), kind: 'caller', subject: caller.key, by: 'gateway' } as const
    await trail.append({ event: 'revocation.added', ...revocation, reason })
  }

  return (caller) =>
    createMasker(detector, () => {
      if (caller === undefined) return
      const count = (hits.get(caller.key) ?? 0) + 1
      hits.delete(caller.key)
      hits.set(caller.key, count)
      const oldest = hits.size > REMEMBERED ? hits.keys().next().value : undefined
      if (oldest !== undefined) hits.delete(oldest)
      if (count === HITS) suspend(caller).catch(onProblem)
    })
}
