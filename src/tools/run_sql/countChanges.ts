import type { BatchStatement, SessionRows } from './analysis/session.ts'

/**
 * Asks for the rows of user tables that this transaction has inserted, updated and deleted so far. Unlike command tags
 * they include cascades, triggers and WITH clauses.
 */
export const COUNT_CHANGES: BatchStatement = {
  name: 'countersign_changes',
  text: `SELECT pg_catalog.current_setting('track_counts') AS counts,
            coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text AS changes,
            (EXISTS (SELECT FROM pg_catalog.pg_locks l
              WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = l.relation AND c.relpersistence = 't')
            ))::text AS rebuilt
       FROM pg_catalog.pg_stat_xact_user_tables`,
}

/**
 * The answer to `COUNT_CHANGES`. Undefined when nobody can say: the server keeps no counts (track_counts is off), or
 * code that ran has emptied, dropped or rewritten a table, which no count includes and which its lock gives away.
 */
export function readChanges(answer: SessionRows | undefined): number | undefined {
  const [row] = answer?.rows ?? []
  return row?.counts === 'on' && row.rebuilt === 'false' ? Number(row.changes) : undefined
}
