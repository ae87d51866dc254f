import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import { castVote } from '../../src/approvals/castVote.ts'
import { clear } from '../../src/approvals/clear.ts'
import type { ClearRequest } from '../../src/approvals/clearance.ts'
import { checkHold, type Hold, keepOutcomeRef, seizeOrphans, settleHold } from '../../src/approvals/hold.ts'
import { DENIAL_REMEMBERED_MS, RESULT_KEPT_MS } from '../../src/approvals/openOrJoin.ts'
import { answerOf, readOwnApproval, withdrawApproval } from '../../src/approvals/ownApproval.ts'
import { seize } from '../../src/approvals/transitions.ts'
import { GateError } from '../../src/errors.ts'
import {
  aCaller,
  aDecision,
  aGate,
  aRequest,
  aReviewer,
  digestNamed,
  HOUR,
  masked,
  output,
  rules,
  shown,
  T0,
  type TestGate,
} from './fixtures.ts'

async function pendingOne(gate: TestGate, over: Partial<ClearRequest> = {}): Promise<Approval> {
  const answer = await clear(aRequest(over), gate)
  if (answer.state !== 'pending') throw new TypeError(answer.state)
  return answer.approval
}

async function voteOn(gate: TestGate, approval: Approval, verdict: 'approve' | 'deny', name = 'ann') {
  const { id, digest } = approval
  const reviewer = aReviewer(name, { issuedAt: gate.now })
  const reason = verdict === 'deny' ? masked('no') : undefined
  return castVote({ approvalId: id, digest, reviewer, verdict, via: 'api', reason }, gate)
}

async function approvedOne(gate: TestGate, over: Partial<ClearRequest> = {}): Promise<Approval> {
  const approval = await pendingOne(gate, over)
  return (await voteOn(gate, approval, 'approve')).approval
}

async function clearedOne(gate: TestGate, over: Partial<ClearRequest> = {}) {
  const answer = await clear(aRequest(over), gate)
  if (answer.state !== 'cleared') throw new TypeError(answer.state)
  return answer
}

const codeOf = async (work: Promise<unknown>) => {
  try {
    return await work
  } catch (error) {
    if (error instanceof GateError) return error.code
    throw error
  }
}

describe('a call that policy decides alone', () => {
  test('is cleared when allowed, and stopped when not', async () => {
    const gate = await aGate()
    const answer = await clearedOne(gate, { decision: aDecision('allow') })
    expect(answer).toMatchObject({
      call: { approvalId: undefined, constraints: { maxRows: 100 } },
      hold: { kind: 'call' },
    })
    const denied = clear(aRequest({ decision: aDecision('deny') }), gate)
    await expect(denied).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED' })
    expect(await gate.store.list(['pending'], 10)).toEqual([])
  })

  test.each([
    { kind: 'caller', id: 'entra/t1/agent-oid/app-1' },
    { kind: 'caller', id: 'agent-oid' },
    { kind: 'app', id: 'app-1' },
    { kind: 'blueprint', id: 'blueprint-1' },
    { kind: 'person', id: 'entra/t1/human-oid' },
  ] as const)('is refused once $kind $id is revoked, and served again when that is undone', async (key) => {
    const gate = await aGate()
    const { number } = await gate.store.revoke(key, 'ops', undefined, T0)
    expect(await codeOf(clear(aRequest({ decision: aDecision('allow') }), gate))).toBe('ERR_REVOKED')
    expect(await codeOf(clear(aRequest(), gate))).toBe('ERR_REVOKED')
    await gate.store.undoRevocation(number, 'ops', T0)
    await clearedOne(gate, { decision: aDecision('allow') })
  })

  test('and is revoked between clearing and running, does not run', async () => {
    const gate = await aGate()
    const { hold } = await clearedOne(gate, { decision: aDecision('allow') })
    await checkHold(hold, gate)
    await gate.store.revoke({ kind: 'app', id: 'app-1' }, 'ops', undefined, T0)
    expect(await codeOf(checkHold(hold, gate))).toBe('ERR_REVOKED')
  })
})

describe('an allowed write with an idempotency key', () => {
  const keyed = { decision: aDecision('allow'), idempotencyKey: 'k1' }

  test('runs once: repeats wait, then get the kept result', async () => {
    const gate = await aGate()
    const { hold } = await clearedOne(gate, keyed)
    expect(hold.kind).toBe('write')
    expect(await codeOf(clear(aRequest(keyed), gate))).toBe('ERR_IDEMPOTENCY_RUNNING')
    await settleHold(hold, { state: 'executed', output: output({ n: 1 }) }, gate)
    expect(await clear(aRequest(keyed), gate)).toMatchObject({ state: 'kept', output: { result: { n: 1 } } })
    expect(await codeOf(clear(aRequest({ ...keyed, digest: digestNamed('x') }), gate))).toBe('ERR_IDEMPOTENCY_CONFLICT')
    await clearedOne(gate, { ...keyed, caller: aCaller({ key: 'other' }) })
  })

  test('may be tried again when it failed, and not when nobody knows what became of it', async () => {
    const gate = await aGate()
    const first = await clearedOne(gate, keyed)
    await settleHold(first.hold, { state: 'failed', code: 'ERR_TARGET_FAILED', detail: undefined }, gate)
    const second = await clearedOne(gate, keyed)
    await settleHold(second.hold, { state: 'unknown' }, gate)
    expect(await codeOf(clear(aRequest(keyed), gate))).toBe('ERR_OUTCOME_UNKNOWN')
  })

  test('is of no matter to reads', async () => {
    const gate = await aGate()
    await clearedOne(gate, { ...keyed, effect: 'read' })
    await clearedOne(gate, { ...keyed, effect: 'read' })
  })
})

describe('a gated call', () => {
  test('waits for people, runs once after approval, and its repeat gets the kept result', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const again = aRequest({ approvalId: approval.id })
    const answer = await clear(again, gate)
    expect(answer).toMatchObject({
      state: 'cleared',
      call: { callId: again.callId, approvalId: approval.id },
      hold: { kind: 'approval', id: approval.id },
      approval: { state: 'executing', takenBy: again.callId },
    })
    expect(await clear(aRequest(), gate)).toMatchObject({ state: 'executing', approval: { id: approval.id } })
    if (answer.state !== 'cleared') throw new TypeError(answer.state)
    await checkHold(answer.hold, gate)
    await keepOutcomeRef(answer.hold, { xid: '42' }, gate)
    await settleHold(answer.hold, { state: 'executed', output: output({ rows: 3 }) }, gate)
    const kept = { state: 'kept', callId: again.callId, approvalId: approval.id, output: { result: { rows: 3 } } }
    expect(await clear(aRequest(), gate)).toMatchObject(kept)
    expect(await clear(aRequest({ approvalId: approval.id }), gate)).toMatchObject(kept)
    gate.now = T0 + RESULT_KEPT_MS
    expect(await clear(aRequest(), gate)).toMatchObject({ state: 'pending' })
  })

  test('previews only for a new request', async () => {
    const gate = await aGate()
    let previews = 0
    const describe = async () => {
      previews += 1
      return shown
    }
    for (let round = 0; round < 3; round += 1) await pendingOne(gate, { describe })
    expect(previews).toBe(1)
  })

  test('of two waiting requests, one runs and the other gets its result', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const answers = await Promise.all([1, 2].map(() => clear(aRequest({ approvalId: approval.id }), gate)))
    expect(answers.map((answer) => answer.state).sort()).toEqual(['cleared', 'executing'])
  })

  test('decisions reach the trail before anything is cleared by them; while the trail fails, nothing is', async () => {
    const gate = await aGate()
    const failing: TestGate = {
      ...gate,
      recordEvent: async () => {
        throw new GateError('ERR_AUDIT')
      },
    }
    const approval = await pendingOne(gate)
    expect(await codeOf(voteOn(failing, approval, 'approve'))).toBe('ERR_AUDIT')
    expect(gate.trail).toEqual(['requested'])
    expect(await codeOf(clear(aRequest({ approvalId: approval.id }), failing))).toBe('ERR_AUDIT')
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'approved' })
    await clearedOne(gate, { approvalId: approval.id })
    expect(gate.trail).toEqual(['requested', 'decided:approve:ann'])
  })

  test('that was denied gets the reason, and the same answer for a while', async () => {
    const gate = await aGate()
    const approval = await pendingOne(gate)
    await voteOn(gate, approval, 'deny')
    const denied = {
      code: 'ERR_APPROVAL_DENIED',
      detail: "The reviewer's reason: no",
      facts: { approval_id: approval.id },
    }
    await expect(clear(aRequest({ approvalId: approval.id }), gate)).rejects.toMatchObject(denied)
    await expect(clear(aRequest(), gate)).rejects.toMatchObject(denied)
    gate.now = T0 + DENIAL_REMEMBERED_MS
    expect((await pendingOne(gate)).id).not.toBe(approval.id)
  })

  test('that expired does not run, whether undecided or never collected', async () => {
    const gate = await aGate()
    const undecided = await pendingOne(gate)
    gate.now = T0 + 4 * HOUR
    expect(await codeOf(clear(aRequest({ approvalId: undecided.id }), gate))).toBe('ERR_APPROVAL_EXPIRED')
    expect(await codeOf(voteOn(gate, undecided, 'approve'))).toBe('ERR_VOTE_EXPIRED')
    const unclaimed = await approvedOne(gate)
    gate.now += HOUR
    expect(await codeOf(clear(aRequest({ approvalId: unclaimed.id }), gate))).toBe('ERR_APPROVAL_EXPIRED')
    expect(gate.trail.filter((event) => event === 'expired')).toHaveLength(2)
  })

  test('can be withdrawn by its caller and nobody else, and does not run then', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const key = aCaller().key
    expect(await codeOf(withdrawApproval(approval.id, 'other', gate))).toBe('ERR_APPROVAL_UNKNOWN')
    expect(await withdrawApproval(approval.id, key, gate)).toMatchObject({ state: 'withdrawn' })
    expect(await withdrawApproval(approval.id, key, gate)).toMatchObject({ state: 'withdrawn' })
    expect(await codeOf(clear(aRequest({ approvalId: approval.id }), gate))).toBe('ERR_APPROVAL_WITHDRAWN')
    expect(gate.trail.at(-1)).toBe('withdrawn')
  })

  test('that runs cannot be withdrawn', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    await clearedOne(gate, { approvalId: approval.id })
    expect(await codeOf(withdrawApproval(approval.id, aCaller().key, gate))).toBe('ERR_APPROVAL_TAKEN')
  })

  test('that failed or ended unknown says so, and is asked anew when repeated', async () => {
    const gate = await aGate()
    const run = async (outcome: Parameters<typeof settleHold>[1]) => {
      const approval = await approvedOne(gate)
      const { hold } = await clearedOne(gate, { approvalId: approval.id })
      await settleHold(hold, outcome, gate)
      return approval.id
    }
    const failed = await run({ state: 'failed', code: 'ERR_TARGET_FAILED', detail: 'duplicate key' })
    await expect(clear(aRequest({ approvalId: failed }), gate)).rejects.toMatchObject({
      code: 'ERR_APPROVAL_FAILED',
      detail: 'duplicate key',
      facts: { code: 'ERR_TARGET_FAILED' },
    })
    const unknown = await run({ state: 'unknown' })
    expect(await codeOf(clear(aRequest({ approvalId: unknown }), gate))).toBe('ERR_OUTCOME_UNKNOWN')
    expect(await pendingOne(gate)).toMatchObject({ afterUnknown: unknown })
  })
})

describe('an approval cannot be transplanted', () => {
  test.each<[string, Partial<ClearRequest>, string]>([
    ['a changed argument', { digest: digestNamed('changed') }, 'ERR_APPROVAL_CHANGED'],
    ['another caller', { caller: aCaller({ key: 'entra/t1/other/app-1' }) }, 'ERR_APPROVAL_UNKNOWN'],
    [
      'another agent of the same human',
      { caller: aCaller({ key: 'entra/t1/agent-oid/app-2', app: 'app-2' }) },
      'ERR_APPROVAL_UNKNOWN',
    ],
    ['a denied decision', { decision: aDecision('deny') }, 'ERR_POLICY_DENIED'],
    [
      'another reviewer set',
      { decision: aDecision('require-approval', { reviewers: ['security'] }) },
      'ERR_APPROVAL_POLICY',
    ],
    ['more reviewers', { decision: aDecision('require-approval', { reviewers: ['two-dbas'] }) }, 'ERR_APPROVAL_POLICY'],
    ['a shorter time to live', { decision: aDecision('require-approval', { ttlMs: 60_000 }) }, 'ERR_APPROVAL_POLICY'],
    ['nobody to approve', { decision: aDecision('require-approval', { reviewers: [] }) }, 'ERR_APPROVAL_POLICY'],
  ])('to %s', async (_, over, code) => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    expect(await codeOf(clear(aRequest({ approvalId: approval.id, ...over }), gate))).toBe(code)
    expect((await gate.store.get(approval.id))?.state).not.toBe('executing')
    expect(await codeOf(clear(aRequest({ approvalId: 'apr_00000000000000000000000000' }), gate))).toBe(
      'ERR_APPROVAL_UNKNOWN',
    )
  })

  test('a repeat under stricter policy asks the stricter reviewers anew', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const strict = await pendingOne(gate, { decision: aDecision('require-approval', { reviewers: ['two-dbas'] }) })
    expect(strict.id).not.toBe(approval.id)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'withdrawn', withdrawnBy: 'policy' })
  })

  test.each([
    ['a reason', { reason: 'required' }, { ...shown, reason: undefined }],
    ['a preview', { preview: 'required' }, { ...shown, preview: undefined }],
  ] as const)('%s that policy wants by now and reviewers did not see is stricter policy', async (_, terms, seen) => {
    const gate = await aGate()
    const approval = await approvedOne(gate, { describe: async () => seen })
    const decision = aDecision('require-approval', terms)
    expect(await codeOf(clear(aRequest({ approvalId: approval.id, decision }), gate))).toBe('ERR_APPROVAL_POLICY')
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'withdrawn' })
  })

  test('a reviewer set that asks for more people after a reload is stricter policy', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const dba = { groupIds: ['g-dba'], people: [], atLeast: 2 }
    gate.rulesNow = { ...rules, sets: new Map([...rules.sets, ['dba', dba]]) }
    expect(await codeOf(clear(aRequest({ approvalId: approval.id }), gate))).toBe('ERR_APPROVAL_POLICY')
  })

  test('a handle clears one call even when policy allows the call by now', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const allowed = { approvalId: approval.id, decision: aDecision('allow') }
    const first = await clearedOne(gate, allowed)
    expect(first.hold.kind).toBe('approval')
    expect(await clear(aRequest(allowed), gate)).toMatchObject({ state: 'executing' })
  })

  test('a vote of somebody who was revoked since does not clear', async () => {
    const gate = await aGate()
    const approval = await approvedOne(gate)
    const { number } = await gate.store.revoke({ kind: 'person', id: 'ann-oid' }, 'ops', undefined, T0)
    expect(await codeOf(clear(aRequest({ approvalId: approval.id }), gate))).toBe('ERR_APPROVAL_VOTE_REVOKED')
    await gate.store.undoRevocation(number, 'ops', T0)
    await clearedOne(gate, { approvalId: approval.id })
  })
})

test('a person who was revoked has no vote, on whatever surface', async () => {
  const gate = await aGate()
  const approval = await pendingOne(gate)
  await gate.store.revoke({ kind: 'person', id: 'ann-oid' }, 'ops', undefined, T0)
  expect(await codeOf(voteOn(gate, approval, 'approve'))).toBe('ERR_REVOKED')
  expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending', votes: [] })
})

describe('a request that reviewers could not judge is not made', () => {
  test.each<[string, Partial<ClearRequest>, string]>([
    ['no reviewers', { decision: aDecision('require-approval', { reviewers: [] }) }, 'ERR_APPROVAL_NOBODY'],
    [
      'an unknown reviewer set',
      { decision: aDecision('require-approval', { reviewers: ['dba', 'ghosts'] }) },
      'ERR_APPROVAL_NOBODY',
    ],
    [
      'a missing reason',
      {
        decision: aDecision('require-approval', { reason: 'required' }),
        describe: async () => ({ ...shown, reason: undefined }),
      },
      'ERR_REASON_REQUIRED',
    ],
    [
      'a blank reason',
      {
        decision: aDecision('require-approval', { reason: 'required' }),
        describe: async () => ({ ...shown, reason: masked(' \n ') }),
      },
      'ERR_REASON_REQUIRED',
    ],
    [
      'a preview that could not show everything',
      {
        decision: aDecision('require-approval', { preview: 'required' }),
        describe: async () => ({
          ...shown,
          preview: {
            rows: undefined,
            lines: [],
            sample: undefined,
            missing: [masked('The rows could not be counted.')],
          },
        }),
      },
      'ERR_PREVIEW_REQUIRED',
    ],
    [
      'a missing preview',
      {
        decision: aDecision('require-approval', { preview: 'required' }),
        describe: async () => ({ ...shown, preview: undefined }),
      },
      'ERR_PREVIEW_REQUIRED',
    ],
  ])('%s', async (_, over, code) => {
    const gate = await aGate()
    expect(await codeOf(clear(aRequest(over), gate))).toBe(code)
    expect(await gate.store.list(['pending'], 10)).toEqual([])
    expect(gate.trail).toEqual([])
  })

  test('more undecided requests than the caller may have', async () => {
    const gate = await aGate()
    for (const name of ['a', 'b', 'c']) await pendingOne(gate, { digest: digestNamed(name) })
    expect(await codeOf(clear(aRequest({ digest: digestNamed('d') }), gate))).toBe('ERR_APPROVAL_LIMIT')
    await pendingOne(gate, { digest: digestNamed('d'), caller: aCaller({ key: 'other' }) })
  })
})

describe('an execution whose gateway died', () => {
  async function interrupted(gate: TestGate): Promise<{ id: string; hold: Hold }> {
    const approval = await approvedOne(gate)
    const { hold } = await clearedOne(gate, { approvalId: approval.id })
    return { id: approval.id, hold }
  }

  test('is seized by the next run; the dead one, should it wake, can neither commit nor settle', async () => {
    const gate = await aGate()
    const { id, hold } = await interrupted(gate)
    await keepOutcomeRef(hold, { xid: '42' }, gate)
    const write = await clearedOne(gate, {
      decision: aDecision('allow'),
      idempotencyKey: 'k',
      digest: digestNamed('w'),
    })
    const lease = await gate.store.acquireLease('gw-1', HOUR, gate.now)
    const seized = await seizeOrphans(lease, gate)
    expect(seized).toMatchObject([
      { hold: { kind: 'approval', id }, connection: 'prod', outcomeRef: { xid: '42' } },
      { hold: { kind: 'write', key: 'k' }, callId: write.call.callId, outcomeRef: undefined },
    ])
    for (const old of [hold, write.hold]) {
      expect(await codeOf(checkHold(old, gate))).toBe('ERR_LEASE_LOST')
      expect(await codeOf(keepOutcomeRef(old, { xid: '43' }, gate))).toBe('ERR_LEASE_LOST')
      expect(await codeOf(settleHold(old, { state: 'unknown' }, gate))).toBe('ERR_LEASE_LOST')
    }
    for (const { hold: mine } of seized) await settleHold(mine, { state: 'executed', output: undefined }, gate)
    expect(await clear(aRequest({ approvalId: id }), gate)).toMatchObject({ state: 'kept', output: undefined })
    expect(await seizeOrphans(lease, gate)).toEqual([])
  })

  test('does not run once its lease ran out, although nobody took over yet', async () => {
    const gate = await aGate()
    const { hold } = await interrupted(gate)
    await checkHold(hold, gate)
    expect(await codeOf(checkHold(hold, { ...gate, clock: () => T0 + 31 * 24 * HOUR }))).toBe('ERR_LEASE_LOST')
  })

  test('does not run once another run has seized it, although its own lease is live', async () => {
    const gate = await aGate()
    const { id, hold } = await interrupted(gate)
    await gate.store.change(id, (one) => seize(one, hold.lease, { replica: 'gw-2', epoch: 1 }, T0))
    expect(await codeOf(checkHold(hold, gate))).toBe('ERR_LEASE_LOST')
  })

  test('is seized by one of two replicas', async () => {
    const gate = await aGate()
    await interrupted(gate)
    await gate.store.acquireLease('gw-1', HOUR, gate.now)
    const leases = await Promise.all(['gw-2', 'gw-3'].map((name) => gate.store.acquireLease(name, HOUR, gate.now)))
    const seized = await Promise.all(leases.map((lease) => seizeOrphans(lease, gate)))
    expect(seized.flat()).toHaveLength(1)
  })
})

test('the own approval is found by its caller; foreign and unknown ids get one answer', async () => {
  const gate = await aGate()
  const approval = await pendingOne(gate)
  expect(await readOwnApproval(gate.store, approval.id, approval.caller.key)).toMatchObject({ id: approval.id })
  const foreign = await readOwnApproval(gate.store, approval.id, 'other').catch((error: GateError) => error)
  const unknown = await readOwnApproval(gate.store, 'apr_x', approval.caller.key).catch((error: GateError) => error)
  expect(foreign).toEqual(unknown)
  expect(answerOf(approval, T0)).toMatchObject({ state: 'pending' })
})

test('a store that fails clears nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clear-'))
  const store = openSqliteStore(join(folder, 'store.db'))
  const gate = await aGate(store)
  await store.close()
  rmSync(folder, { recursive: true })
  expect(await codeOf(clear(aRequest({ decision: aDecision('allow') }), gate))).toBe('ERR_STORE')
  expect(await codeOf(clear(aRequest(), gate))).toBe('ERR_STORE')
})
