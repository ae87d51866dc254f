import { answerCharge, type Charged, type RuleUses } from '../approvals/answerCharge.ts'
import type { StateStore } from '../approvals/ports.ts'
import type { Decision, RatedRule } from '../call.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

/** Uses of rules with a rate, one row each: an exact count of any span of time, which replicas share. */
export function uses(database: SqliteDatabase): Pick<StateStore, 'usesOf' | 'chargeUses'> {
  return {
    async usesOf(callerKey, rules, now) {
      return rules.map((rule) => usesIn(database, callerKey, rule, now).times)
    },

    async chargeUses(callerKey, charges, now) {
      return database.atomically(() => chargeIn(database, callerKey, charges, now))
    },
  }
}

/** Counts what a call uses, or nothing. Only inside a transaction: two calls must not see the same room. */
export function chargeIn(
  database: SqliteDatabase,
  callerKey: string,
  charges: Decision['charges'],
  now: number,
): Charged {
  const charged = answerCharge(charges, (rule) => usesIn(database, callerKey, rule, now))
  if (!charged.ok) return charged
  for (const { policy, rule, windowMs } of charged.used) {
    const sql = 'INSERT INTO uses (caller_key, policy, rule, used_at, forget_at) VALUES (?, ?, ?, ?, ?)'
    database.run(sql, callerKey, policy, rule, now, now + windowMs)
  }
  return charged
}

/** Forgets uses that no rate looks at any more. Only inside a transaction. */
export function forgetUses(database: SqliteDatabase, now: number): void {
  database.run('DELETE FROM uses WHERE forget_at <= ?', now)
}

function usesIn(
  database: SqliteDatabase,
  callerKey: string,
  { policy, rule, limit, windowMs }: RatedRule,
  now: number,
): RuleUses {
  const which = 'FROM uses WHERE caller_key = ? AND policy = ? AND rule = ? AND used_at > ?'
  const key = [callerKey, policy, rule, now - windowMs] as const
  const times = Number(database.rows(`SELECT count(*) AS n ${which}`, ...key)[0]?.n ?? 0)
  if (times < limit) return { times, freeAt: undefined }
  // The use that must be out of the window before there is room.
  const row = database.rows(`SELECT used_at ${which} ORDER BY used_at DESC LIMIT 1 OFFSET ?`, ...key, limit - 1)[0]
  return { times, freeAt: Number(row?.used_at ?? now) + windowMs }
}
