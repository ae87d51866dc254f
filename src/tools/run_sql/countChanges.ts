import type { Session } from './session/openSession.ts'

/**
 * Rows of user tables that this transaction has inserted, updated and deleted so far. Unlike command tags it includes
 * cascades, triggers and WITH clauses. Undefined when the server keeps no counts (track_counts is off).
 */
export async function countChanges(session: Session): Promise<number | undefined> {
  const { rows } = await session.query(
    `SELECT pg_catalog.current_setting('track_counts') AS counts,
            coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text AS changes FROM pg_catalog.pg_stat_xact_user_tables`,
  )
  return rows[0]?.counts === 'on' ? Number(rows[0].changes) : undefined
}
