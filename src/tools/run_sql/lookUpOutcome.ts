import * as z from 'zod'
import type { Json } from '../../call.ts'
import type { ConnectionPools } from './connectionPools.ts'
import type { Session } from './session/openSession.ts'
import { isObject } from './syntax/walkTree.ts'

/** By which the outcome of a write is looked up: the transaction, and the server it belongs to. */
const outcomeRef = z.object({ txid: z.string().regex(/^\d{1,20}$/), system: z.string() })

/** The reference for the session's transaction, which gets its id here if it had none. */
export async function readOutcomeRef(session: Session): Promise<{ txid: string; system: string }> {
  const { rows } = await session.query(
    `SELECT pg_catalog.pg_current_xact_id()::text AS txid, (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system`,
  )
  return outcomeRef.parse(rows[0])
}

/**
 * Asks the server what became of a transaction. `unknown` when it is another server than the one that ran it (a restored
 * copy answers for other transactions), or one that has forgotten it.
 */
export async function lookUpOutcome(
  pools: ConnectionPools,
  connectionName: string,
  ref: Json,
): Promise<'committed' | 'aborted' | 'in-progress' | 'unknown'> {
  const parsed = outcomeRef.safeParse(ref)
  if (!parsed.success || !isObject(ref)) return 'unknown'
  const session = await pools.pool(connectionName, 'read').take(AbortSignal.timeout(10_000))
  try {
    const { rows } = await session.query(
      `SELECT pg_catalog.pg_xact_status($1::text::xid8) AS status, (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system`,
      [parsed.data.txid],
    )
    if (rows[0]?.system !== parsed.data.system) return 'unknown'
    const status = rows[0]?.status
    if (status === 'in progress') return 'in-progress'
    return status === 'committed' || status === 'aborted' ? status : 'unknown'
  } catch {
    // The transaction id is from the future: this server never ran it.
    return 'unknown'
  } finally {
    session.release()
  }
}
