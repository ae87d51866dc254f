import * as z from 'zod'
import type { Json } from '../../call.ts'
import type { BatchStatement, SessionRows } from './analysis/session.ts'
import type { ConnectionPools } from './connectionPools.ts'
import { isObject } from './syntax/walkTree.ts'

/** By which the outcome of a write is looked up: the transaction, and the server it belongs to. */
const outcomeRef = z.object({ txid: z.string().regex(/^\d{1,20}$/), system: z.string() })

/** Asks for the reference of the session's transaction, which gets its id here if it had none. */
export const OUTCOME_REF: BatchStatement = {
  name: 'countersign_outcome',
  text: `SELECT pg_catalog.pg_current_xact_id()::text AS txid, (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system`,
}

/** The answer to `OUTCOME_REF`. */
export function readOutcomeRef(answer: SessionRows | undefined): { txid: string; system: string } {
  return outcomeRef.parse(answer?.rows[0])
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
