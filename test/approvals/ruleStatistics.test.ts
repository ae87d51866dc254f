import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { StateStore } from '../../src/approvals/ports.ts'
import { readRuleStatistics } from '../../src/approvals/ruleStatistics.ts'
import { expire, withdraw } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import type { Verdict } from '../../src/call.ts'
import { newId } from '../../src/newId.ts'
import { aBallot, aGate, anApproval, aReviewer, digestNamed, HOUR, MINUTE, T0 } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'statistics-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => {
  files += 1
  return join(folder, `${files}.db`)
}
const DAY = 24 * HOUR
const terms = { needs: [{ set: 'dba', atLeast: 1 }], ttlMs: 4 * HOUR, previewRequired: false, reasonRequired: false }

const verdict = (rule: string | undefined, over: Partial<Verdict> = {}): Verdict => ({
  operation: { operation: rule === undefined ? 'function:public.f' : 'DELETE', otherwise: 'deny', facts: {} },
  action: 'require-approval',
  policy: rule === undefined ? undefined : 'cleanup',
  rule,
  source: rule === undefined ? undefined : 'cleanup.yaml:7',
  reason: 'rule-matched',
  message: undefined,
  ...over,
})

type What = 'waiting' | 'approve' | 'deny' | 'expire' | 'withdraw' | 'uncollected'

let asked = 0
/** A request at a time, and what becomes of it after a while. */
async function request(store: StateStore, rule: string, what: What, at = T0, over: Partial<Approval> = {}) {
  asked += 1
  const candidate = anApproval({
    id: newId('apr', at),
    digest: digestNamed(`s${asked}`),
    caller: { ...anApproval().caller, key: `agent-${asked % 3}-${Math.floor(asked / 9)}` },
    verdicts: [verdict(rule)],
    createdAt: at,
    expiresAt: at + 4 * HOUR,
    ...over,
  })
  await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 100 }, at)
  const ballot = (kind: 'approve' | 'deny') => aBallot('ann', kind, { digest: candidate.digest })
  const later = at + asked * MINUTE
  await store.change(candidate.id, (one) => {
    switch (what) {
      case 'waiting':
        return { ok: true, approval: one, events: [] }
      case 'expire':
        return expire(one, at + 4 * HOUR)
      case 'withdraw':
        return withdraw(one, 'caller', later)
      case 'approve':
      case 'uncollected':
        return vote(one, ballot('approve'), later)
      case 'deny':
        return vote(one, ballot('deny'), later)
    }
  })
  if (what === 'uncollected') await store.change(candidate.id, (one) => expire(one, at + 2 * DAY))
  return candidate.id
}

describe.each([
  ['memory', () => createMemoryStore()],
  ['SQLite', () => openSqliteStore(newFile())],
])('statistics of rules from the %s store', (_, open) => {
  const read = async (store: StateStore, now = T0 + HOUR, reviewer = aReviewer('ann', { issuedAt: now })) => {
    const gate = await aGate(store)
    gate.now = now
    return { gate, statistics: await readRuleStatistics(reviewer, '7d', gate) }
  }

  test('every request is counted once for each rule, with what people answered and how long it took them', async () => {
    asked = 0
    const store = open()
    await request(store, 'deletes', 'approve')
    await request(store, 'deletes', 'approve')
    await request(store, 'deletes', 'deny')
    await request(store, 'deletes', 'uncollected')
    await request(store, 'deletes', 'expire')
    await request(store, 'deletes', 'withdraw')
    await request(store, 'deletes', 'waiting')
    await request(store, 'drops', 'deny', T0, {
      verdicts: [verdict('drops'), verdict('drops'), verdict(undefined), verdict('reads', { action: 'allow' })],
    })
    const { statistics } = await read(store, T0 + 2 * DAY)
    expect(statistics).toMatchObject({ requests: 8, truncated: false, until: new Date(T0 + 2 * DAY).toISOString() })
    expect(statistics.rules).toEqual([
      {
        ...{ policy: 'cleanup', rule: 'deletes', source: 'cleanup.yaml:7', consequence: null },
        ...{ asked: 7, waiting: 1, approved: 3, denied: 1, expired: 1, withdrawn: 1, modified: 0 },
        // 1, 2, 3 and 4 minutes.
        ...{ approved_percent: 60, median_seconds: 150, callers: 3 },
      },
      expect.objectContaining({ rule: 'drops', asked: 1, denied: 1, approved_percent: 0, median_seconds: 480 }),
      expect.objectContaining({ rule: null, consequence: 'function:*', asked: 1, denied: 1 }),
    ])
  })

  test('what is older than the time, of other sets, or written by a reviewer is not counted', async () => {
    const store = open()
    const [author] = [{ person: 'p', subject: 'p', name: 'p' }]
    await request(store, 'old', 'approve', T0 - 8 * DAY)
    await request(store, 'theirs', 'waiting', T0, { needs: [{ set: 'security', atLeast: 1 }] })
    await request(store, 'written', 'waiting', T0, {
      modification: { parent: 'apr_1', author, via: 'api', note: undefined, before: [], asked: [], authors: [author] },
    })
    const { statistics } = await read(store)
    expect(statistics).toMatchObject({ requests: 0, rules: [] })
    const { statistics: forSecurity } = await read(
      store,
      T0 + HOUR,
      aReviewer('sec', { subject: 'sec-oid', issuedAt: T0 + HOUR, groups: { known: true, ids: [] } }),
    )
    expect(forSecurity.rules.map(({ rule }) => rule)).toEqual(['theirs'])
  })

  test('somebody who reviews nothing gets no numbers', async () => {
    const nobody = aReviewer('eve', { groups: { known: true, ids: [] }, issuedAt: T0 + HOUR })
    await expect(read(open(), T0 + HOUR, nobody)).rejects.toMatchObject({ code: 'ERR_VOTE_NOT_REVIEWER' })
  })

  test('closed requests are forgotten when they are old and on record, with their events and deliveries', async () => {
    const store = open()
    const closed = await request(store, 'a', 'deny')
    const open_ = await request(store, 'b', 'waiting')
    await store.saveDelivery({
      ...{ surface: 'slack', approvalId: closed, place: 'C1', message: '1', drawn: 1, told: 1, reminded: false },
    })
    expect(await store.forgetClosed(T0 + 100 * DAY)).toBe(0)
    const events = await store.pendingEvents('trail', 100)
    expect(events).toHaveLength(3)
    await store.acknowledge('trail', events.at(-1)?.position ?? 0)
    expect(await store.forgetClosed(T0)).toBe(0)
    expect(await store.forgetClosed(T0 + 100 * DAY)).toBe(1)
    expect(await store.get(closed)).toBeUndefined()
    expect(await store.findDelivery('slack', closed)).toBeUndefined()
    expect(await store.get(open_)).toMatchObject({ state: 'pending' })
    expect((await store.pendingEvents('notifier:slack', 100)).map(({ event }) => event.approvalId)).toEqual([open_])
    expect(await store.forgetClosed(T0 + 100 * DAY)).toBe(0)
  })

  test('what was replaced stays for as long as its replacement does', async () => {
    const store = open()
    const parent = await request(store, 'a', 'waiting')
    const child = await request(store, 'a', 'waiting')
    const by = { person: 'p', subject: 'p', name: 'p' }
    await store.change(parent, (one) => ({
      ok: true,
      events: [],
      approval: {
        ...one,
        state: 'modified',
        version: 2,
        settledAt: T0,
        replacement: { id: child, by, via: 'api', note: undefined },
      },
    }))
    await store.acknowledge('trail', 100)
    expect(await store.forgetClosed(T0 + DAY)).toBe(0)
    await store.change(child, (one) => withdraw(one, 'caller', T0 + 1))
    await store.acknowledge('trail', 100)
    expect(await store.forgetClosed(T0 + DAY)).toBe(1)
    expect(await store.forgetClosed(T0 + DAY)).toBe(1)
  })
})

test('records that an older version wrote are counted and forgotten too', async () => {
  const path = newFile()
  const store = openSqliteStore(path)
  const id = await request(store, 'a', 'deny')
  await store.acknowledge('trail', 100)
  await store.close()
  const raw = new DatabaseSync(path)
  raw.exec('UPDATE approvals SET summary = NULL')
  raw.close()
  const again = openSqliteStore(path)
  expect(await again.summariesSince(T0, 10)).toMatchObject([{ outcome: 'denied', rules: [{ rule: 'a' }] }])
  expect(await again.forgetClosed(T0 + DAY)).toBe(1)
  expect(await again.get(id)).toBeUndefined()
  await again.close()
})

test('many requests are read in pages, and no more than are asked for', async () => {
  const store = openSqliteStore(newFile())
  for (let one = 0; one < 1_050; one++) await request(store, 'a', 'waiting')
  expect(await store.summariesSince(T0, 5_000)).toHaveLength(1_050)
  expect(await store.summariesSince(T0, 1_020)).toHaveLength(1_020)
  await store.close()
})
