import type { Approval } from '../approvals/approval.ts'
import { answersFor } from '../approvals/idempotency.ts'
import type {
  Delivery,
  IdempotentWrite,
  Revocation,
  RevocationKind,
  StateStore,
  TrailHead,
} from '../approvals/ports.ts'
import type { ChangeSignal } from './changeSignal.ts'
import type { SqliteDatabase, SqlValue } from './sqliteDatabase.ts'

/** Leases of gateway runs, and what dead runs left executing. */
export function leases(
  database: SqliteDatabase,
): Pick<StateStore, 'acquireLease' | 'renewLease' | 'isLeaseLive' | 'orphans'> {
  const isLive = (replica: string, epoch: number, now: number) =>
    database.has('SELECT 1 FROM leases WHERE replica = ? AND epoch = ? AND until > ?', replica, epoch, now)
  return {
    async acquireLease(replica, ms, now) {
      const sql = `INSERT INTO leases (replica, epoch, until) VALUES (?, 1, ?)
         ON CONFLICT (replica) DO UPDATE SET epoch = epoch + 1, until = excluded.until RETURNING epoch`
      const rows = await database.atomically(() => database.rows(sql, replica, now + ms))
      return { replica, epoch: Number(rows[0]?.epoch) }
    },

    async renewLease({ replica, epoch }, ms, now) {
      const sql = 'UPDATE leases SET until = ? WHERE replica = ? AND epoch = ? AND until > ?'
      return database.atomically(() => database.run(sql, now + ms, replica, epoch, now) === 1)
    },

    async isLeaseLive({ replica, epoch }, now) {
      return isLive(replica, epoch, now)
    },

    async orphans(now) {
      const orphaned = ({ lease }: Approval | IdempotentWrite) =>
        lease === undefined || !isLive(lease.replica, lease.epoch, now)
      const approvals = database.rows("SELECT record FROM approvals WHERE state = 'executing' ORDER BY position")
      const writes = database.rows("SELECT record FROM writes WHERE state = 'executing'")
      return {
        approvals: approvals.map((row) => parse<Approval>(row)).filter(orphaned),
        writes: writes.map((row) => parse<IdempotentWrite>(row)).filter(orphaned),
      }
    },
  }
}

/** What surfaces have shown, and which process speaks through each. */
export function deliveries(database: SqliteDatabase): Pick<StateStore, 'saveDelivery' | 'findDelivery' | 'takeTurn'> {
  return {
    async saveDelivery(delivery) {
      const { surface, approvalId } = delivery
      const sql = 'INSERT OR REPLACE INTO deliveries (surface, approval_id, record) VALUES (?, ?, ?)'
      await database.atomically(() => database.run(sql, surface, approvalId, JSON.stringify(delivery)))
    },

    async findDelivery(surface, approvalId) {
      const sql = 'SELECT record FROM deliveries WHERE surface = ? AND approval_id = ?'
      const row = database.rows(sql, surface, approvalId)[0]
      return row && parse<Delivery>(row)
    },

    async takeTurn(surface, holder, ms, now) {
      const sql = `INSERT INTO turns (surface, holder, until) VALUES (?, ?, ?)
         ON CONFLICT (surface) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE turns.holder = excluded.holder OR turns.until <= ?`
      return database.atomically(() => database.run(sql, surface, holder, now + ms, now) === 1)
    },
  }
}

/** Allowed writes that named an `idempotency_key`. */
export function idempotentWrites(
  database: SqliteDatabase,
): Pick<StateStore, 'beginWrite' | 'findWrite' | 'changeWrite'> {
  const find = (callerKey: string, key: string) => {
    const row = database.rows('SELECT record FROM writes WHERE caller_key = ? AND key = ?', callerKey, key)[0]
    return row === undefined ? undefined : parse<IdempotentWrite>(row)
  }
  const put = (write: IdempotentWrite) =>
    database.run(
      'INSERT OR REPLACE INTO writes (caller_key, key, state, settled_at, record) VALUES (?, ?, ?, ?, ?)',
      write.callerKey,
      write.key,
      write.state,
      write.settledAt ?? null,
      JSON.stringify(write),
    )
  return {
    async beginWrite(write, now) {
      return database.atomically(() => {
        const found = find(write.callerKey, write.key)
        if (found !== undefined && answersFor(found, write, now)) return { begun: false, write: found }
        put(write)
        return { begun: true, write }
      })
    },

    async findWrite(callerKey, key) {
      return find(callerKey, key)
    },

    async changeWrite(callerKey, key, lease, change) {
      return database.atomically(() => {
        const found = find(callerKey, key)
        const held = found?.lease.replica === lease.replica && found.lease.epoch === lease.epoch
        if (found?.state !== 'executing' || !held) return false
        if (Object.keys(change).length > 0) put({ ...found, ...change })
        return true
      })
    },
  }
}

/** The kill switch. */
export function revocations(
  database: SqliteDatabase,
  changed: ChangeSignal,
): Pick<StateStore, 'revoke' | 'undoRevocation' | 'revocations' | 'findRevoked'> {
  const inForce = (kind: string, id: string) =>
    database.rows('SELECT * FROM revocations WHERE kind = ? AND id = ? AND undone_at IS NULL', kind, id)[0]
  return {
    async revoke({ kind, id }, by, reason, now) {
      const entry = await database.atomically(() => {
        const existing = inForce(kind, id)
        if (existing !== undefined) return existing
        const sql = 'INSERT INTO revocations (kind, id, made_by, reason, made_at) VALUES (?, ?, ?, ?, ?) RETURNING *'
        return database.rows(sql, kind, id, by, reason ?? null, now)[0]
      })
      changed.notify()
      return revocationOf(entry ?? {})
    },

    async undoRevocation(number, by, now) {
      const sql =
        'UPDATE revocations SET undone_by = ?, undone_at = ? WHERE number = ? AND undone_at IS NULL RETURNING *'
      const [row] = await database.atomically(() => database.rows(sql, by, now, number))
      return row && revocationOf(row)
    },

    async revocations() {
      return database.rows('SELECT * FROM revocations ORDER BY number DESC').map(revocationOf)
    },

    // Every call asks several times. Nothing is remembered in between: another process may revoke at any moment.
    async findRevoked(keys) {
      if (keys.length === 0) return undefined
      // Most of the time nothing is revoked, and that is known at half the price, without the keys.
      if (!database.has('SELECT 1 FROM revocations WHERE undone_at IS NULL LIMIT 1')) return undefined
      const row = database.rows(revokedAmong(keys.length), ...keys.flatMap(({ kind, id }) => [kind, id]))[0]
      return row && revocationOf(row)
    },
  }
}

/**
 * The first revocation in force among so many keys. Each key says `undone_at IS NULL` for itself, because SQLite then
 * looks each of them up; said once for all, it walks through everything that was ever revoked.
 */
export function revokedAmong(keys: number): string {
  const any = Array(keys).fill('(undone_at IS NULL AND kind = ? AND id = ?)').join(' OR ')
  return `SELECT * FROM revocations WHERE ${any} ORDER BY number LIMIT 1`
}

/** Heads of the trails. */
export function heads(database: SqliteDatabase): Pick<StateStore, 'saveHead' | 'loadHead' | 'heads'> {
  return {
    async saveHead(replica, { file, seq, hash }) {
      const sql = `INSERT INTO heads (replica, file, seq, hash) VALUES (?, ?, ?, ?)
         ON CONFLICT (replica) DO UPDATE SET file = excluded.file, seq = excluded.seq, hash = excluded.hash
         WHERE heads.seq <= excluded.seq`
      await database.atomically(() => database.run(sql, replica, file, seq, hash))
    },

    async loadHead(replica) {
      const row = database.rows('SELECT file, seq, hash FROM heads WHERE replica = ?', replica)[0]
      return row && headOf(row)
    },

    async heads() {
      const rows = database.rows('SELECT replica, file, seq, hash FROM heads ORDER BY replica')
      return rows.map((row) => ({ replica: String(row.replica), ...headOf(row) }))
    },
  }
}

function headOf(row: Record<string, SqlValue>): TrailHead {
  return { file: String(row.file), seq: Number(row.seq), hash: String(row.hash) }
}

function revocationOf(row: Record<string, SqlValue>): Revocation {
  return {
    number: Number(row.number),
    kind: String(row.kind) as RevocationKind,
    id: String(row.id),
    by: String(row.made_by),
    reason: row.reason === null ? undefined : String(row.reason),
    at: Number(row.made_at),
    undoneBy: row.undone_by === null ? undefined : String(row.undone_by),
    undoneAt: row.undone_at === null ? undefined : Number(row.undone_at),
  }
}

function parse<T>(row: Record<string, SqlValue>): T {
  return JSON.parse(String(row.record)) as T
}
