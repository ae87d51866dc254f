import type { Session } from './session/openSession.ts'

/**
 * Rows of user tables that this transaction has inserted, updated and deleted so far. Unlike command tags it includes
 * cascades, triggers and WITH clauses. Undefined when nobody can say: the server keeps no counts (track_counts is off),
 * or code that ran has emptied, dropped or rewritten a table, which no count includes and which its lock gives away.
 */
export async function countChanges(session: Session): Promise<number | undefined> {
  const { rows } = await session.query(
    `SELECT pg_catalog.current_setting('track_counts') AS counts,
            coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text AS changes,
            EXISTS (SELECT FROM pg_catalog.pg_locks l
              WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = l.relation AND c.relpersistence = 't')
            ) AS rebuilt
       FROM pg_catalog.pg_stat_xact_user_tables`,
  )
  const [row] = rows
  return row?.counts === 'on' && row.rebuilt === false ? Number(row.changes) : undefined
}
