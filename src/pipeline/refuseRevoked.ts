import { revocationKeysOf } from '../approvals/revocationKeys.ts'
import type { Caller } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Gates } from './gates.ts'

/** The kill switch, read before anything is done for the caller, at every wake-up of a wait, and when something is taken. */
export async function refuseRevoked(caller: Caller, { approvals }: Pick<Gates, 'approvals'>): Promise<void> {
  const revocation = await approvals.store.findRevoked(revocationKeysOf(caller))
  if (revocation !== undefined) throw new GateError('ERR_REVOKED')
}
