import { describe, expect, test } from 'vitest'
import type { Approval, ApprovalState } from '../../src/approvals/approval.ts'
import { modify } from '../../src/approvals/modify.ts'
import {
  DENIAL_REMEMBERED_MS,
  REQUESTS_PER_MINUTE,
  RESULT_KEPT_MS,
  type RequestTerms,
} from '../../src/approvals/openOrJoin.ts'
import type { IdempotentWrite, StateStore } from '../../src/approvals/ports.ts'
import { expire, settle, take, unchanged, withdraw } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import { newId } from '../../src/newId.ts'
import { aBallot, anApproval, digestNamed, HOUR, MINUTE, output, T0 } from '../approvals/fixtures.ts'

const terms: RequestTerms = {
  needs: [{ set: 'dba', atLeast: 1 }],
  ttlMs: 4 * HOUR,
  previewRequired: false,
  reasonRequired: false,
}
const limits = { maxPendingPerCaller: 3 }
const never = new AbortController().signal

/** What every store must do. Run against each adapter. */
export function describeApprovalStore(name: string, open: () => Promise<StateStore>): void {
  const opened = async (store: StateStore, over: Partial<Approval> = {}, now = T0) => {
    const candidate = anApproval({ id: newId('apr', now), createdAt: now, expiresAt: now + 4 * HOUR, ...over })
    const result = await store.openOrJoin(candidate, terms, limits, now)
    if (!result.ok) throw new TypeError(result.code)
    return result
  }
  const approve = (store: StateStore, id: string, person = 'ann', now = T0) =>
    store.change(id, (approval) => vote(approval, aBallot(person, 'approve', { digest: approval.digest }), now))
  const deny = (store: StateStore, id: string, now = T0) =>
    store.change(id, (approval) => vote(approval, aBallot('dan', 'deny', { digest: approval.digest }), now))
  const takeIt = async (store: StateStore, id: string, callId = 'call_1', now = T0) => {
    const lease = { replica: 'gw-1', epoch: 1 }
    return store.change(id, (approval) =>
      take(
        approval,
        { callerKey: approval.caller.key, digest: approval.digest, lease, callId, revokedPeople: [] },
        now,
      ),
    )
  }
  const executed = async (store: StateStore, now = T0) => {
    const { approval } = await opened(store, {}, now)
    await approve(store, approval.id, 'ann', now)
    await takeIt(store, approval.id, 'call_1', now)
    const done = { state: 'executed', output: output({ row_count: 5 }) } as const
    await store.change(approval.id, (one) => settle(one, { replica: 'gw-1', epoch: 1 }, done, now))
    return approval.id
  }
  const eventsOf = async (store: StateStore) =>
    (await store.pendingEvents('trail', 100)).map(({ event }) => `${event.kind} ${event.version}`)

  describe(`${name}: requests`, () => {
    test('an identical call joins while the request is pending, approved or executing, and no second one is announced', async () => {
      const store = await open()
      const { approval, opened: first } = await opened(store)
      expect(first).toBe(true)
      for (const move of [undefined, approve, takeIt]) {
        await move?.(store, approval.id)
        expect(await opened(store)).toMatchObject({ opened: false, approval: { id: approval.id } })
      }
      expect(await eventsOf(store)).toEqual(['requested 1', 'decided 2'])
      await store.close()
    })

    test('another caller or another digest makes another request', async () => {
      const store = await open()
      const { approval } = await opened(store)
      const other = await opened(store, { caller: { ...approval.caller, key: 'entra/t1/agent-oid/app-2' } })
      const changed = await opened(store, { digest: digestNamed('d2') })
      expect(new Set([approval.id, other.approval.id, changed.approval.id]).size).toBe(3)
      expect(await store.latest(approval.caller.key, digestNamed('d2'))).toMatchObject({ id: changed.approval.id })
      expect(await store.latest('nobody', approval.digest)).toBeUndefined()
      await store.close()
    })

    test('100 identical calls at once make one request', async () => {
      const store = await open()
      const results = await Promise.all(Array.from({ length: 100 }, () => opened(store)))
      expect(results.filter((result) => result.opened)).toHaveLength(1)
      expect(new Set(results.map((result) => result.approval.id)).size).toBe(1)
      expect(await store.list(['pending'], 200)).toHaveLength(1)
      await store.close()
    })

    test('a result answers for 24 hours and not longer', async () => {
      const store = await open()
      const id = await executed(store)
      const kept = await opened(store, {}, T0 + RESULT_KEPT_MS - 1)
      expect(kept).toMatchObject({ opened: false, approval: { id, output: { result: { row_count: 5 } } } })
      expect(await opened(store, {}, T0 + RESULT_KEPT_MS)).toMatchObject({ opened: true })
      await store.close()
    })

    test('a denial answers the same call for a while', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await deny(store, approval.id)
      const soon = await opened(store, {}, T0 + DENIAL_REMEMBERED_MS - 1)
      expect(soon).toMatchObject({ opened: false, approval: { id: approval.id, state: 'denied' } })
      expect(await opened(store, {}, T0 + DENIAL_REMEMBERED_MS)).toMatchObject({ opened: true })
      await store.close()
    })

    test('after an unknown outcome a new request warns of the old one', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await approve(store, approval.id)
      await takeIt(store, approval.id)
      await store.change(approval.id, (one) => settle(one, { replica: 'gw-1', epoch: 1 }, { state: 'unknown' }, T0))
      expect(await opened(store)).toMatchObject({ opened: true, approval: { afterUnknown: approval.id } })
      await store.close()
    })

    test('an overdue request is closed and a new one made', async () => {
      const store = await open()
      const { approval } = await opened(store)
      const later = await opened(store, {}, T0 + 4 * HOUR)
      expect(later.opened).toBe(true)
      const closed = await store.get(approval.id)
      expect(closed?.state).toBe('expired')
      expect(closed?.args).toBeUndefined()
      expect(await eventsOf(store)).toEqual(['requested 1', 'expired 2', 'requested 1'])
      await store.close()
    })

    test('stricter policy replaces an open request, and the old one cannot be taken any more', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await approve(store, approval.id)
      const strict = { ...terms, needs: [{ set: 'dba', atLeast: 2 }] }
      const candidate = anApproval({ id: newId('apr', T0), needs: strict.needs })
      expect(await store.openOrJoin(candidate, strict, limits, T0)).toMatchObject({ ok: true, opened: true })
      expect(await takeIt(store, approval.id)).toEqual({ ok: false, code: 'ERR_APPROVAL_WITHDRAWN' })
      expect(await store.get(approval.id)).toMatchObject({ withdrawnBy: 'policy' })
      await store.close()
    })

    test('a caller has only so many undecided requests; deciding, withdrawing or expiring makes room', async () => {
      const store = await open()
      const ids: string[] = []
      for (const name of ['a', 'b', 'c']) ids.push((await opened(store, { digest: digestNamed(name) })).approval.id)
      const refused = { ok: false, code: 'ERR_APPROVAL_LIMIT' }
      const next = (digest: string, now: number) =>
        store.openOrJoin(
          anApproval({
            id: newId('apr', now),
            digest: digestNamed(digest),
            createdAt: now,
            expiresAt: now + 4 * HOUR,
          }),
          terms,
          limits,
          now,
        )
      expect(await next('d', T0)).toEqual(refused)
      expect(await next('a', T0)).toMatchObject({ ok: true, opened: false })
      await store.change(ids[0] ?? '', (approval) => withdraw(approval, 'caller', T0))
      expect(await next('d', T0)).toMatchObject({ ok: true, opened: true })
      expect(await next('e', T0)).toEqual(refused)
      expect(await next('e', T0 + 4 * HOUR)).toMatchObject({ ok: true, opened: true })
      await store.close()
    })

    test('asking and withdrawing in a circle does not reach reviewers without end', async () => {
      const store = await open()
      for (let round = 0; round < REQUESTS_PER_MINUTE; round += 1) {
        const { approval } = await opened(store)
        await store.change(approval.id, (one) => withdraw(one, 'caller', T0))
      }
      const candidate = anApproval({ id: newId('apr', T0) })
      expect(await store.openOrJoin(candidate, terms, limits, T0)).toEqual({ ok: false, code: 'ERR_APPROVAL_RATE' })
      expect(await opened(store, {}, T0 + MINUTE)).toMatchObject({ opened: true })
      await store.close()
    })
  })

  describe(`${name}: changes`, () => {
    test('100 takes at once have one winner', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await approve(store, approval.id)
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, index) => takeIt(store, approval.id, `call_${index}`)),
      )
      const winners = results.filter((result) => result?.ok)
      expect(winners).toHaveLength(1)
      expect(results.filter((result) => result?.ok === false && result.code === 'ERR_APPROVAL_TAKEN')).toHaveLength(99)
      expect(winners[0]).toMatchObject({ approval: { takenBy: (await store.get(approval.id))?.takenBy } })
      await store.close()
    })

    test('of an approval and a denial at once, one decides and the other is told', async () => {
      const store = await open()
      const { approval } = await opened(store)
      const results = await Promise.all([approve(store, approval.id), deny(store, approval.id)])
      expect(results.filter((result) => result?.ok)).toHaveLength(1)
      expect(results.find((result) => result?.ok === false)).toMatchObject({ code: 'ERR_VOTE_DECIDED' })
      expect((await eventsOf(store)).filter((event) => event.startsWith('decided'))).toHaveLength(1)
      await store.close()
    })

    test('a refused or empty transition changes nothing, an unknown id is undefined', async () => {
      const store = await open()
      const { approval } = await opened(store)
      expect(await store.change(approval.id, () => ({ ok: false, code: 'ERR_VOTE_DIGEST' }))).toEqual({
        ok: false,
        code: 'ERR_VOTE_DIGEST',
      })
      expect(await store.change(approval.id, unchanged)).toMatchObject({ ok: true, changed: false })
      expect(await store.change(newId('apr', T0), unchanged)).toBeUndefined()
      expect(await store.get(approval.id)).toMatchObject({ version: 1, state: 'pending' })
      await store.close()
    })

    test('the whole record comes back as it went in', async () => {
      const store = await open()
      const { approval } = await opened(store, { args: { sql: 'é \u0000 \u202e "x"', n: [1, null, true] } })
      expect(JSON.parse(JSON.stringify(await store.get(approval.id)))).toEqual(JSON.parse(JSON.stringify(approval)))
      await store.close()
    })

    test('a list has the asked states, newest first, and no more than asked', async () => {
      const store = await open()
      const ids: string[] = []
      for (const name of ['a', 'b', 'c']) ids.push((await opened(store, { digest: digestNamed(name) })).approval.id)
      await deny(store, ids[1] ?? '')
      const listed = async (states: ApprovalState[], limit: number) =>
        (await store.list(states, limit)).map((approval) => approval.id)
      expect(await listed(['pending'], 10)).toEqual([ids[2], ids[0]])
      expect(await listed(['pending', 'denied'], 2)).toEqual([ids[2], ids[1]])
      expect(await listed([], 10)).toEqual([])
      await store.close()
    })

    test('a sweep expires what is overdue and forgets old results, once', async () => {
      const store = await open()
      const id = await executed(store)
      const { approval: pending } = await opened(store, { digest: digestNamed('p') })
      const { approval: unclaimed } = await opened(store, { digest: digestNamed('u') })
      await approve(store, unclaimed.id)
      expect(await store.sweep(T0 + HOUR - 1)).toBe(0)
      expect(await store.sweep(T0 + HOUR)).toBe(1)
      expect(await store.get(unclaimed.id)).toMatchObject({ state: 'expired' })
      expect(await store.sweep(T0 + RESULT_KEPT_MS)).toBe(2)
      expect(await store.get(pending.id)).toMatchObject({ state: 'expired' })
      const forgotten = await store.get(id)
      expect(forgotten).toMatchObject({ state: 'executed' })
      expect(forgotten?.output).toBeUndefined()
      expect(await store.sweep(T0 + RESULT_KEPT_MS)).toBe(0)
      await store.close()
    })
  })

  describe(`${name}: waiting`, () => {
    test('ends with the decision, for everybody who waits', async () => {
      const store = await open()
      const { approval } = await opened(store)
      const waits = [1, 2, 3].map(() => store.waitForChange(approval.id, 1, 30_000, never))
      await approve(store, approval.id)
      for (const seen of await Promise.all(waits)) expect(seen).toMatchObject({ state: 'approved', version: 2 })
      await store.close()
    })

    test('returns at once when the change came first, on time-out, and when aborted', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await approve(store, approval.id)
      expect(await store.waitForChange(approval.id, 1, 30_000, never)).toMatchObject({ version: 2 })
      expect(await store.waitForChange(approval.id, 2, 5, never)).toMatchObject({ version: 2 })
      const abort = new AbortController()
      const wait = store.waitForChange(approval.id, 2, 30_000, abort.signal)
      abort.abort()
      expect(await wait).toMatchObject({ version: 2 })
      expect(await store.waitForChange(newId('apr', T0), 1, 30_000, never)).toBeUndefined()
      await store.close()
    })

    test('ends when somebody is revoked, so that the waiting call looks again', async () => {
      const store = await open()
      const { approval } = await opened(store)
      const wait = store.waitForChange(approval.id, 1, 30_000, never)
      await store.revoke({ kind: 'caller', id: 'x' }, 'ops', undefined, T0)
      expect(await wait).toMatchObject({ version: 1 })
      await store.close()
    })
  })

  describe(`${name}: events`, () => {
    test('come in order, stay until acknowledged, and each consumer has its own place', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await approve(store, approval.id)
      const [first, second] = await store.pendingEvents('trail', 10)
      expect([first?.event.kind, second?.event.kind]).toEqual(['requested', 'decided'])
      expect(second?.approval).toMatchObject({ id: approval.id, state: 'approved' })
      await store.acknowledge('trail', first?.position ?? 0)
      expect(await eventsOf(store)).toEqual(['decided 2'])
      expect(await store.pendingEvents('notifier:slack', 1)).toHaveLength(1)
      await store.acknowledge('trail', second?.position ?? 0)
      await store.acknowledge('trail', first?.position ?? 0)
      expect(await eventsOf(store)).toEqual([])
      await store.close()
    })

    test('a consumer that starts from now hears only what comes, and one that is known keeps its place', async () => {
      const store = await open()
      const { approval } = await opened(store)
      await store.startFromNow('notifier:late')
      expect(await store.pendingEvents('notifier:late', 10)).toEqual([])
      await approve(store, approval.id)
      await store.startFromNow('notifier:late')
      expect((await store.pendingEvents('notifier:late', 10)).map(({ event }) => event.kind)).toEqual(['decided'])
      await store.close()
    })
  })

  describe(`${name}: deliveries`, () => {
    const sent = {
      ...{ surface: 'slack', approvalId: 'apr_1', place: 'C1', message: undefined },
      ...{ drawn: 1, told: 0, reminded: false },
    }

    test('what a surface has shown is remembered for each request, and replaced as a whole', async () => {
      const store = await open()
      await store.saveDelivery(sent)
      await store.saveDelivery({ ...sent, surface: 'email', place: 'dba@corp.example' })
      expect(await store.findDelivery('slack', 'apr_1')).toEqual(sent)
      await store.saveDelivery({ ...sent, message: '17.1', reminded: true })
      expect(await store.findDelivery('slack', 'apr_1')).toEqual({ ...sent, message: '17.1', reminded: true })
      expect(await store.findDelivery('email', 'apr_1')).toMatchObject({ place: 'dba@corp.example' })
      expect(await store.findDelivery('slack', 'apr_2')).toBeUndefined()
      await store.close()
    })

    test('one process at a time has the turn; it can be prolonged and given up, and passes on when it ran out', async () => {
      const store = await open()
      expect(await store.takeTurn('slack', 'a', MINUTE, T0)).toBe(true)
      expect(await store.takeTurn('slack', 'b', MINUTE, T0 + 1)).toBe(false)
      expect(await store.takeTurn('email', 'b', MINUTE, T0 + 1)).toBe(true)
      expect(await store.takeTurn('slack', 'a', MINUTE, T0 + 2)).toBe(true)
      expect(await store.takeTurn('slack', 'b', MINUTE, T0 + MINUTE + 1)).toBe(false)
      expect(await store.takeTurn('slack', 'b', MINUTE, T0 + MINUTE + 2)).toBe(true)
      expect(await store.takeTurn('slack', 'b', 0, T0 + MINUTE + 3)).toBe(true)
      expect(await store.takeTurn('slack', 'a', MINUTE, T0 + MINUTE + 3)).toBe(true)
      await store.close()
    })
  })

  describe(`${name}: leases`, () => {
    test('a new run of the same replica ends the old one at once; a silent run loses its lease with time', async () => {
      const store = await open()
      const old = await store.acquireLease('gw-1', MINUTE, T0)
      expect(await store.isLeaseLive(old, T0 + MINUTE - 1)).toBe(true)
      expect(await store.isLeaseLive(old, T0 + MINUTE)).toBe(false)
      expect(await store.renewLease(old, MINUTE, T0 + 1)).toBe(true)
      expect(await store.isLeaseLive(old, T0 + MINUTE)).toBe(true)
      const fresh = await store.acquireLease('gw-1', MINUTE, T0 + 2)
      expect(fresh.epoch).toBe(old.epoch + 1)
      expect(await store.renewLease(old, MINUTE, T0 + 3)).toBe(false)
      expect(await store.isLeaseLive(fresh, T0 + 3)).toBe(true)
      expect(await store.renewLease(fresh, MINUTE, T0 + HOUR)).toBe(false)
      await store.close()
    })

    test('orphans are exactly the executions of dead runs', async () => {
      const store = await open()
      await store.acquireLease('gw-1', HOUR, T0)
      const { approval } = await opened(store)
      await approve(store, approval.id)
      await takeIt(store, approval.id)
      await store.beginWrite(aWrite(), T0)
      expect(await store.orphans(T0)).toEqual({ approvals: [], writes: [] })
      expect(await store.orphans(T0 + HOUR)).toMatchObject({
        approvals: [{ id: approval.id }],
        writes: [{ key: 'k1' }],
      })
      await store.acquireLease('gw-1', HOUR, T0)
      expect(await store.orphans(T0)).toMatchObject({ approvals: [{ id: approval.id }], writes: [{ key: 'k1' }] })
      await store.close()
    })
  })

  describe(`${name}: writes with an idempotency key`, () => {
    const lease = { replica: 'gw-1', epoch: 1 }

    test('100 at once begin once', async () => {
      const store = await open()
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, index) => store.beginWrite(aWrite({ callId: `call_${index}` }), T0)),
      )
      expect(results.filter((result) => result.begun)).toHaveLength(1)
      expect(new Set(results.map((result) => result.write.callId)).size).toBe(1)
      await store.close()
    })

    test('keep their result for 24 hours, per caller', async () => {
      const store = await open()
      await store.beginWrite(aWrite(), T0)
      const done = { state: 'executed', output: output({ ok: true }), settledAt: T0 } as const
      expect(await store.changeWrite('caller-1', 'k1', lease, done)).toBe(true)
      expect(await store.beginWrite(aWrite({ callId: 'call_2' }), T0 + RESULT_KEPT_MS - 1)).toMatchObject({
        begun: false,
        write: { callId: 'call_1', state: 'executed', output: { result: { ok: true } } },
      })
      expect(await store.beginWrite(aWrite({ callerKey: 'caller-2' }), T0)).toMatchObject({ begun: true })
      expect(await store.beginWrite(aWrite({ callId: 'call_3' }), T0 + RESULT_KEPT_MS)).toMatchObject({ begun: true })
      await store.close()
    })

    test('are changed only by the run that holds them, and only while they run', async () => {
      const store = await open()
      await store.beginWrite(aWrite(), T0)
      expect(await store.changeWrite('caller-1', 'k1', { ...lease, epoch: 2 }, { state: 'unknown' })).toBe(false)
      expect(await store.changeWrite('caller-1', 'k1', lease, { outcomeRef: { xid: '9' } })).toBe(true)
      expect(await store.findWrite('caller-1', 'k1')).toMatchObject({ state: 'executing', outcomeRef: { xid: '9' } })
      expect(await store.changeWrite('caller-1', 'k1', lease, { state: 'failed', settledAt: T0 })).toBe(true)
      expect(await store.changeWrite('caller-1', 'k1', lease, { state: 'executed' })).toBe(false)
      await store.close()
    })

    test('that failed may be tried again unchanged, and not with other content', async () => {
      const store = await open()
      await store.beginWrite(aWrite(), T0)
      await store.changeWrite('caller-1', 'k1', lease, { state: 'failed', settledAt: T0 })
      expect(await store.beginWrite(aWrite({ digest: digestNamed('other') }), T0)).toMatchObject({ begun: false })
      expect(await store.beginWrite(aWrite({ callId: 'call_2' }), T0)).toMatchObject({ begun: true })
      await store.close()
    })

    test('are swept when they are old, never while they run', async () => {
      const store = await open()
      await store.beginWrite(aWrite(), T0)
      await store.sweep(T0 + 2 * RESULT_KEPT_MS)
      expect(await store.findWrite('caller-1', 'k1')).toMatchObject({ state: 'executing' })
      await store.changeWrite('caller-1', 'k1', lease, { state: 'unknown', settledAt: T0 })
      await store.sweep(T0 + RESULT_KEPT_MS)
      expect(await store.findWrite('caller-1', 'k1')).toBeUndefined()
      await store.close()
    })
  })

  describe(`${name}: the kill switch`, () => {
    test('stops by exact kind and id, until it is undone', async () => {
      const store = await open()
      const entry = await store.revoke({ kind: 'app', id: 'app-1' }, 'ops', 'leaked', T0)
      expect(entry).toMatchObject({ kind: 'app', id: 'app-1', by: 'ops', reason: 'leaked', at: T0 })
      expect(await store.findRevoked([{ kind: 'caller', id: 'app-1' }])).toBeUndefined()
      const keys = [{ kind: 'caller', id: 'x' } as const, { kind: 'app', id: 'app-1' } as const]
      expect(await store.findRevoked(keys)).toMatchObject({ number: entry.number })
      expect(await store.revoke({ kind: 'app', id: 'app-1' }, 'other', undefined, T0 + 1)).toEqual(entry)
      expect(await store.undoRevocation(entry.number, 'ops2', T0 + 2)).toMatchObject({
        undoneBy: 'ops2',
        undoneAt: T0 + 2,
      })
      expect(await store.findRevoked(keys)).toBeUndefined()
      expect(await store.undoRevocation(entry.number, 'ops2', T0 + 3)).toBeUndefined()
      expect(await store.undoRevocation(999, 'ops2', T0)).toBeUndefined()
      const again = await store.revoke({ kind: 'app', id: 'app-1' }, 'ops', undefined, T0 + 4)
      expect((await store.revocations()).map((one) => one.number)).toEqual([again.number, entry.number])
      await store.close()
    })
  })

  describe(`${name}: heads of the trail`, () => {
    test('are kept per replica and never go back', async () => {
      const store = await open()
      expect(await store.loadHead('gw-1')).toBeUndefined()
      await store.saveHead('gw-1', { file: 'a.jsonl', seq: 5, hash: 'sha256:5' })
      await store.saveHead('gw-1', { file: 'a.jsonl', seq: 4, hash: 'sha256:4' })
      await store.saveHead('gw-2', { file: 'b.jsonl', seq: 1, hash: 'sha256:1' })
      expect(await store.loadHead('gw-1')).toEqual({ file: 'a.jsonl', seq: 5, hash: 'sha256:5' })
      await store.saveHead('gw-1', { file: 'c.jsonl', seq: 6, hash: 'sha256:6' })
      expect(await store.loadHead('gw-1')).toMatchObject({ file: 'c.jsonl', seq: 6 })
      expect(await store.heads()).toEqual([
        { replica: 'gw-1', file: 'c.jsonl', seq: 6, hash: 'sha256:6' },
        { replica: 'gw-2', file: 'b.jsonl', seq: 1, hash: 'sha256:1' },
      ])
      await store.close()
    })
  })

  describe(`${name}: changes by reviewers`, () => {
    const ann = { person: 'entra/t1/ann-oid', subject: 'ann-oid', name: 'ann' }
    const admission = { ...ann, memberOf: ['dba'], owners: [] }
    const childOf = (parent: Approval, over: Partial<Approval> = {}) =>
      anApproval({
        id: newId('apr', T0),
        caller: parent.caller,
        digest: digestNamed('changed'),
        modification: {
          ...{ parent: parent.id, author: ann, via: 'api', note: undefined, authors: [ann] },
          ...{ before: parent.shown.fields, asked: parent.shown.fields },
        },
        ...over,
      })
    const change = (store: StateStore, parent: Approval, child = childOf(parent), now = T0) =>
      store.modify(
        parent.id,
        child,
        (current, precedents) => modify(current, { child, admission, digest: current.digest }, precedents, now),
        now,
      )
    const caller = { ...anApproval().caller, roles: [] }

    test('close one request and open another, with the events of both in order', async () => {
      const store = await open()
      const { approval } = await opened(store, { caller })
      const child = childOf(approval)
      expect(await change(store, approval, child)).toMatchObject({ ok: true, child: { id: child.id } })
      expect(await store.get(approval.id)).toMatchObject({
        state: 'modified',
        replacement: { id: child.id },
      })
      expect((await store.get(approval.id))?.args).toBeUndefined()
      expect(await store.get(child.id)).toEqual(JSON.parse(JSON.stringify(child)))
      expect(await eventsOf(store)).toEqual(['requested 1', 'modified 2', 'requested 1'])
      await store.close()
    })

    test('leave everything as it was when the new request cannot be stored', async () => {
      const store = await open()
      const { approval } = await opened(store, { caller })
      const { approval: other } = await opened(store, { caller, digest: digestNamed('other') })
      await expect(change(store, approval, childOf(approval, { id: other.id }))).rejects.toThrow()
      expect(await store.get(approval.id)).toMatchObject({ state: 'pending', version: 1 })
      expect(await store.get(other.id)).toMatchObject({ digest: digestNamed('other') })
      expect(await eventsOf(store)).toEqual(['requested 1', 'requested 1'])
      await store.close()
    })

    test('the call that was changed, made again, joins what took its place, until that no longer answers', async () => {
      const store = await open()
      const { approval } = await opened(store, { caller })
      const first = childOf(approval)
      await change(store, approval, first)
      const second = childOf(first, { digest: digestNamed('changed again') })
      await change(store, first, second)
      expect(await opened(store, { caller })).toMatchObject({ opened: false, approval: { id: second.id } })
      expect(await store.latest(caller.key, approval.digest)).toMatchObject({ id: second.id })
      await store.change(second.id, (one) => withdraw(one, 'caller', T0))
      expect(await opened(store, { caller })).toMatchObject({ opened: true })
      await store.close()
    })

    test('are no requests of the caller: neither its limit nor its rate counts them', async () => {
      const store = await open()
      let { approval } = await opened(store, { caller })
      for (let count = 0; count < REQUESTS_PER_MINUTE + 2; count += 1) {
        const child = childOf(approval, { digest: digestNamed(`changed ${count}`) })
        await change(store, approval, child)
        approval = child
      }
      const more = await Promise.all(
        ['x', 'y', 'z'].map((digest) => opened(store, { caller, digest: digestNamed(digest) })),
      )
      expect(more.map((one) => one.opened)).toEqual([true, true, true])
      await store.close()
    })

    test('nothing is changed that does not exist', async () => {
      const store = await open()
      expect(await change(store, anApproval({ caller }))).toBeUndefined()
      await store.close()
    })
  })

  describe(`${name}: escalation`, () => {
    const escalation = { at: T0 + HOUR, to: [{ set: 'security', atLeast: 1 }] }

    test('a sweep moves what waited for too long, once, and the others then decide', async () => {
      const store = await open()
      const { approval } = await opened(store, { escalation })
      expect(await store.sweep(T0 + HOUR - 1)).toBe(0)
      await Promise.all([store.sweep(T0 + HOUR), store.sweep(T0 + HOUR)])
      expect(await store.sweep(T0 + 2 * HOUR)).toBe(0)
      expect(await store.get(approval.id)).toMatchObject({
        state: 'pending',
        needs: escalation.to,
        escalated: { at: T0 + HOUR, from: [{ set: 'dba', atLeast: 1 }] },
      })
      expect(await eventsOf(store)).toEqual(['requested 1', 'escalated 2'])
      await store.close()
    })

    test('what is decided, over or expires first does not move', async () => {
      const store = await open()
      const decided = (await opened(store, { escalation, digest: digestNamed('a') })).approval
      await approve(store, decided.id)
      const over = (await opened(store, { escalation, digest: digestNamed('b'), expiresAt: T0 + HOUR })).approval
      await store.sweep(T0 + HOUR)
      expect(await store.get(decided.id)).toMatchObject({ state: 'expired' })
      expect(await store.get(over.id)).toMatchObject({ state: 'expired', needs: [{ set: 'dba' }] })
      expect((await eventsOf(store)).filter((event) => event.startsWith('escalated'))).toEqual([])
      await store.close()
    })
  })

  test(`${name}: expiry by a sweep and a late vote cannot both win`, async () => {
    const store = await open()
    const { approval } = await opened(store)
    const [swept, voted] = await Promise.all([
      store.change(approval.id, (one) => expire(one, T0 + 4 * HOUR)),
      approve(store, approval.id, 'ann', T0 + 4 * HOUR - 1),
    ])
    expect([swept?.ok && swept.changed, voted?.ok && voted.changed].filter(Boolean)).toHaveLength(1)
    await store.close()
  })
}

function aWrite(over: Partial<IdempotentWrite> = {}): IdempotentWrite {
  return {
    callerKey: 'caller-1',
    key: 'k1',
    digest: digestNamed('d1'),
    callId: 'call_1',
    connection: 'prod',
    state: 'executing',
    lease: { replica: 'gw-1', epoch: 1 },
    outcomeRef: undefined,
    output: undefined,
    startedAt: T0,
    settledAt: undefined,
    ...over,
  }
}
