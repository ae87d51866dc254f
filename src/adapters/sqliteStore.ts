import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import { MODIFICATION_WINDOW_MS } from '../approvals/modify.ts'
import { answerOpen, REQUEST_WINDOW_MS, RESULT_KEPT_MS } from '../approvals/openOrJoin.ts'
import type { StateStore } from '../approvals/ports.ts'
import { type RequestSummary, summarize } from '../approvals/requestSummary.ts'
import { CLOSED_STATES } from '../approvals/reviewDesk.ts'
import {
  escalate,
  expire,
  forgetOutput,
  isToEscalate,
  requestedEvent,
  type Transition,
} from '../approvals/transitions.ts'
import { type ChangeSignal, createChangeSignal } from './changeSignal.ts'
import { openSqliteDatabase, type SqliteDatabase } from './sqliteDatabase.ts'
import { accountLinks } from './sqliteLinks.ts'
import { deliveries, heads, idempotentWrites, leases, revocations } from './sqliteTables.ts'
import { chargeIn, forgetUses, uses } from './sqliteUses.ts'

/** How soon a decision made by another process is noticed here. */
const POLL_MS = 250

/**
 * The durable store in one SQLite file, for one gateway and the command line on one machine. Several processes may open
 * it at once. Every change is on disk when its promise resolves.
 */
export function openSqliteStore(path: string): StateStore {
  const database = openSqliteDatabase(path)
  const changed = createChangeSignal()
  return {
    forgets: false,
    ...approvals(database, changed),
    ...events(database),
    ...deliveries(database),
    ...leases(database),
    ...idempotentWrites(database),
    ...revocations(database, changed),
    ...uses(database),
    ...accountLinks(database),
    ...heads(database),
    async close() {
      changed.notify()
      database.close()
    },
  }
}

type ApprovalPart = Pick<
  StateStore,
  | 'openOrJoin'
  | 'forgetClosed'
  | 'summariesSince'
  | 'get'
  | 'latest'
  | 'list'
  | 'change'
  | 'modify'
  | 'sweep'
  | 'waitForChange'
>

function approvals(database: SqliteDatabase, changed: ChangeSignal): ApprovalPart {
  const find = (id: string) => one(database.rows('SELECT record FROM approvals WHERE id = ?', id))
  const latest = (callerKey: string, digest: string) => {
    let found = one(
      database.rows(
        'SELECT record FROM approvals WHERE caller_key = ? AND digest = ? ORDER BY position DESC LIMIT 1',
        callerKey,
        digest,
      ),
    )
    while (found?.replacement !== undefined) found = find(found.replacement.id)
    return found
  }
  const change = (id: string, transition: (approval: Approval) => Transition) =>
    database.atomically(() => {
      const before = find(id)
      if (before === undefined) return undefined
      const result = transition(before)
      if (!result.ok) return result
      const moved = result.approval.version !== before.version
      if (moved) update(database, result.approval, before.version, result.events)
      return { ok: true as const, approval: result.approval, changed: moved }
    })

  return {
    async openOrJoin(candidate, terms, limits, now) {
      const { key } = candidate.caller
      const result = await database.atomically(() => {
        const precedents = {
          digest: candidate.digest,
          latest: latest(key, candidate.digest),
          pending: count(
            database.rows(
              "SELECT count(*) AS n FROM approvals WHERE caller_key = ? AND state = 'pending' AND due_at > ? AND author IS NULL",
              key,
              now,
            ),
          ),
          recent: count(
            database.rows(
              'SELECT count(*) AS n FROM approvals WHERE caller_key = ? AND created_at > ? AND author IS NULL',
              key,
              now - REQUEST_WINDOW_MS,
            ),
          ),
        }
        const answer = answerOpen(terms, precedents, limits, now)
        switch (answer.kind) {
          case 'join':
            return { ok: true as const, approval: answer.approval, opened: false }
          case 'refuse':
            return { ok: false as const, code: answer.code }
          case 'open': {
            const charged = chargeIn(database, key, terms.charges ?? [], now)
            if (!charged.ok) return { ok: false as const, code: 'ERR_POLICY_RATE' as const, charged }
            if (answer.close?.ok && precedents.latest) {
              update(database, answer.close.approval, precedents.latest.version, answer.close.events)
            }
            const approval = { ...candidate, afterUnknown: answer.afterUnknown }
            insert(database, approval)
            return { ok: true as const, approval, opened: true }
          }
        }
      })
      changed.notify()
      return result
    },

    async get(id) {
      return find(id)
    },

    async latest(callerKey, digest) {
      return latest(callerKey, digest)
    },

    async list(states, limit) {
      const rows = database.rows(
        'SELECT record FROM approvals WHERE state IN (SELECT value FROM json_each(?)) ORDER BY position DESC LIMIT ?',
        JSON.stringify(states),
        limit,
      )
      return rows.map((row) => parse<Approval>(row.record))
    },

    async change(id, transition) {
      const result = await change(id, transition)
      if (result?.ok && result.changed) changed.notify()
      return result
    },

    async modify(id, child, decide, now) {
      const author = child.modification?.author.person ?? ''
      const result = await database.atomically(() => {
        const parent = find(id)
        if (parent === undefined) return undefined
        const recent = count(
          database.rows(
            'SELECT count(*) AS n FROM approvals WHERE author = ? AND created_at > ?',
            author,
            now - MODIFICATION_WINDOW_MS,
          ),
        )
        const decided = decide(parent, { latest: latest(child.caller.key, child.digest), recent })
        if (!decided.ok) return decided
        update(database, decided.parent.approval, parent.version, decided.parent.events)
        insert(database, decided.child)
        return { ok: true as const, child: decided.child }
      })
      changed.notify()
      return result
    },

    async sweep(now) {
      const late = database.rows('SELECT id FROM approvals WHERE escalate_at <= ?', now)
      const due = database.rows('SELECT id FROM approvals WHERE due_at <= ?', now)
      const old = database.rows('SELECT id FROM approvals WHERE forget_at <= ?', now)
      let swept = 0
      for (const [rows, transition] of [
        [due, expire],
        [late, escalate],
        [old, forgetOutput],
      ] as const) {
        for (const row of rows) {
          const result = await change(String(row.id), (approval) => transition(approval, now))
          if (result?.ok && result.changed) swept += 1
        }
      }
      const forgotten = now - RESULT_KEPT_MS
      await database.atomically(() => {
        database.run("DELETE FROM writes WHERE state <> 'executing' AND settled_at <= ?", forgotten)
        forgetUses(database, now)
      })
      database.emptyJournal()
      if (swept > 0) changed.notify()
      return swept
    },

    async forgetClosed(before) {
      const gone = await database.atomically(() => forgetIn(database, before))
      if (gone > 0) database.emptyJournal()
      return gone
    },

    async summariesSince(since, limit) {
      const found: RequestSummary[] = []
      for (let below = Number.MAX_SAFE_INTEGER; ; ) {
        const rows = database.rows(
          `SELECT position, summary, CASE WHEN summary IS NULL THEN record END AS record FROM approvals
           WHERE created_at >= ? AND position < ? ORDER BY position DESC LIMIT ?`,
          since,
          below,
          Math.min(PAGE, limit - found.length),
        )
        // Records that an older version wrote have no summary yet.
        const summaryOf = ({ summary, record }: (typeof rows)[number]) =>
          summary === null ? summarize(parse<Approval>(record)) : parse<RequestSummary>(summary)
        found.push(...rows.map(summaryOf))
        if (rows.length < PAGE || found.length >= limit) return found
        below = Number(rows.at(-1)?.position)
        // Calls that wait meanwhile go first.
        await new Promise((resolve) => setImmediate(resolve))
      }
    },

    async waitForChange(id, version, ms, signal) {
      const until = performance.now() + ms
      const before = revocationStamp(database)
      for (;;) {
        const row = database.rows('SELECT version FROM approvals WHERE id = ?', id)[0]
        const left = until - performance.now()
        const moved = row?.version !== version || revocationStamp(database) !== before
        if (moved || signal.aborted || left <= 0) return find(id)
        await changed.wait(Math.min(left, POLL_MS), signal)
      }
    },
  }
}

/** What is in the trail as a whole, and long closed. A few at a time, so that nobody waits for it. */
function forgetIn(database: SqliteDatabase, before: number): number {
  const rows = database.rows(
    `SELECT id FROM approvals AS old WHERE closed_at <= ?
       AND NOT EXISTS (SELECT 1 FROM events WHERE approval_id = old.id
         AND position > coalesce((SELECT position FROM cursors WHERE consumer = 'trail'), 0))
       AND NOT EXISTS (SELECT 1 FROM approvals WHERE id = json_extract(old.record, '$.replacement.id'))
     ORDER BY closed_at LIMIT ?`,
    before,
    FORGOTTEN_AT_ONCE,
  )
  for (const { id } of rows) {
    database.run('DELETE FROM approvals WHERE id = ?', String(id))
    database.run('DELETE FROM events WHERE approval_id = ?', String(id))
    database.run('DELETE FROM deliveries WHERE approval_id = ?', String(id))
  }
  return rows.length
}

const FORGOTTEN_AT_ONCE = 200
/** Summaries that are read without a pause. */
const PAGE = 1_000

function events(database: SqliteDatabase): Pick<StateStore, 'pendingEvents' | 'acknowledge' | 'startFromNow'> {
  return {
    async pendingEvents(consumer, limit) {
      const rows = database.rows(
        `SELECT events.position, events.record AS event, approvals.record AS approval
         FROM events JOIN approvals ON approvals.id = events.approval_id
         WHERE events.position > coalesce((SELECT position FROM cursors WHERE consumer = ?), 0)
         ORDER BY events.position LIMIT ?`,
        consumer,
        limit,
      )
      return rows.map((row) => ({
        position: Number(row.position),
        event: parse<ApprovalEvent>(row.event),
        approval: parse<Approval>(row.approval),
      }))
    },

    async acknowledge(consumer, upTo) {
      const sql = `INSERT INTO cursors (consumer, position) VALUES (?, ?)
         ON CONFLICT (consumer) DO UPDATE SET position = max(position, excluded.position)`
      await database.atomically(() => database.run(sql, consumer, upTo))
    },

    async startFromNow(consumer) {
      // WHERE true tells the parser that ON CONFLICT is not part of a join.
      const sql = `INSERT INTO cursors (consumer, position)
         SELECT ?, coalesce((SELECT max(position) FROM events), 0) WHERE true ON CONFLICT (consumer) DO NOTHING`
      await database.atomically(() => database.run(sql, consumer))
    },
  }
}

function insert(database: SqliteDatabase, approval: Approval): void {
  database.run(
    `INSERT INTO approvals
       (id, version, state, caller_key, digest, created_at, author, due_at, escalate_at, forget_at, summary,
        record)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    approval.id,
    approval.version,
    approval.state,
    approval.caller.key,
    approval.digest,
    approval.createdAt,
    approval.modification?.author.person ?? null,
    dueAt(approval),
    escalateAt(approval),
    forgetAt(approval),
    JSON.stringify(summarize(approval)),
    JSON.stringify(approval),
  )
  append(database, [requestedEvent(approval)])
}

function update(
  database: SqliteDatabase,
  approval: Approval,
  version: number,
  happened: readonly ApprovalEvent[],
): void {
  const rows = database.run(
    `UPDATE approvals SET version = ?, state = ?, due_at = ?, escalate_at = ?, forget_at = ?, closed_at = ?,
       summary = ?, record = ?
     WHERE id = ? AND version = ?`,
    approval.version,
    approval.state,
    dueAt(approval),
    escalateAt(approval),
    forgetAt(approval),
    CLOSED_STATES.includes(approval.state) ? (approval.settledAt ?? null) : null,
    JSON.stringify(summarize(approval)),
    JSON.stringify(approval),
    approval.id,
    version,
  )
  // Cannot happen inside BEGIN IMMEDIATE; if it does, the transaction must not commit.
  if (rows !== 1) throw new TypeError('an approval changed inside an exclusive transaction')
  append(database, happened)
}

function append(database: SqliteDatabase, happened: readonly ApprovalEvent[]): void {
  for (const event of happened) {
    database.run(
      'INSERT INTO events (approval_id, version, record) VALUES (?, ?, ?)',
      event.approvalId,
      event.version,
      JSON.stringify(event),
    )
  }
}

/** When a sweep must close it. */
function dueAt({ state, expiresAt, claimBy }: Approval): number | null {
  if (state === 'pending') return expiresAt
  return state === 'approved' ? (claimBy ?? 0) : null
}

/** When a sweep must move it to others. */
function escalateAt(approval: Approval): number | null {
  return isToEscalate(approval) ? (approval.escalation?.at ?? null) : null
}

/** When a sweep must drop the kept result. */
function forgetAt({ output, settledAt }: Approval): number | null {
  return output === undefined || settledAt === undefined ? null : settledAt + RESULT_KEPT_MS
}

function revocationStamp(database: SqliteDatabase): number {
  return count(database.rows('SELECT count(*) + count(undone_at) AS n FROM revocations'))
}

function count(rows: readonly Record<string, unknown>[]): number {
  return Number(rows[0]?.n ?? 0)
}

function one(rows: readonly Record<string, unknown>[]): Approval | undefined {
  return rows[0] === undefined ? undefined : parse<Approval>(rows[0].record)
}

// What comes out is what went in: only this process's user can write the file (mode 0600), and only through here.
function parse<T>(json: unknown): T {
  return JSON.parse(String(json)) as T
}
