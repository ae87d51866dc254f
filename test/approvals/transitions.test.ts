import { describe, expect, test } from 'vitest'
import type { Approval, ApprovalState, Vote } from '../../src/approvals/approval.ts'
import {
  expire,
  noteOutcomeRef,
  seize,
  settle,
  type TakeRequest,
  type Transition,
  take,
  withdraw,
} from '../../src/approvals/transitions.ts'
import { anApproval, digestNamed, HOUR, masked, output, T0 } from './fixtures.ts'

const lease = { replica: 'gw-1', epoch: 3 }
const aVote: Vote = {
  person: 'entra/t1/ann-oid',
  subject: 'ann-oid',
  name: 'ann',
  verdict: 'approve',
  via: 'api',
  reason: masked('fine'),
  sets: ['dba'],
  at: T0,
}
const approved = anApproval({ state: 'approved', votes: [aVote], claimBy: T0 + HOUR })
const asked: TakeRequest = {
  callerKey: approved.caller.key,
  digest: approved.digest,
  lease,
  callId: 'call_9',
  revokedPeople: [],
}
const executing = stateAfter(take(approved, asked, T0))

function stateAfter(transition: Transition): Approval {
  if (!transition.ok) throw new TypeError(transition.code)
  return transition.approval
}

describe('take', () => {
  test('moves an approved request to executing and remembers who executes it', () => {
    expect(executing).toMatchObject({ state: 'executing', lease, takenBy: 'call_9', takenAt: T0, version: 2 })
  })

  test.each<[string, Partial<TakeRequest>, string]>([
    [
      'another caller, who gets the answer for an unknown id',
      { callerKey: 'entra/t1/agent-oid/app-2' },
      'ERR_APPROVAL_UNKNOWN',
    ],
    ['a call that is no longer what was approved', { digest: digestNamed('other') }, 'ERR_APPROVAL_CHANGED'],
    ['votes of people who were revoked since', { revokedPeople: [aVote.person] }, 'ERR_APPROVAL_VOTE_REVOKED'],
  ])('refuses %s', (_, over, code) => {
    expect(take(approved, { ...asked, ...over }, T0)).toEqual({ ok: false, code })
  })

  test('refuses after the claim deadline, swept or not', () => {
    expect(take(approved, asked, T0 + HOUR - 1)).toMatchObject({ ok: true })
    expect(take(approved, asked, T0 + HOUR)).toEqual({ ok: false, code: 'ERR_APPROVAL_EXPIRED' })
  })

  test.each<[ApprovalState, string]>([
    ['pending', 'ERR_APPROVAL_PENDING'],
    ['denied', 'ERR_APPROVAL_DENIED'],
    ['expired', 'ERR_APPROVAL_EXPIRED'],
    ['withdrawn', 'ERR_APPROVAL_WITHDRAWN'],
    ['executing', 'ERR_APPROVAL_TAKEN'],
    ['executed', 'ERR_APPROVAL_TAKEN'],
    ['failed', 'ERR_APPROVAL_TAKEN'],
    ['unknown', 'ERR_APPROVAL_TAKEN'],
  ])('refuses a request that is %s', (state, code) => {
    expect(take({ ...approved, state }, asked, T0)).toEqual({ ok: false, code })
  })

  test('refuses a record that says approved without the votes for it', () => {
    expect(take({ ...approved, votes: [] }, asked, T0)).toMatchObject({ code: 'ERR_APPROVAL_VOTE_REVOKED' })
    expect(take({ ...approved, needs: [] }, asked, T0)).toMatchObject({ code: 'ERR_APPROVAL_VOTE_REVOKED' })
  })
})

describe('an execution', () => {
  test('is settled once, by the run that holds it, and then no longer holds the arguments', () => {
    const done = settle(executing, lease, { state: 'executed', output: output({ rows: 1 }) }, T0 + 9)
    expect(done).toMatchObject({ approval: { state: 'executed', args: undefined, output: { result: { rows: 1 } } } })
    expect(settle(stateAfter(done), lease, { state: 'unknown' }, T0)).toEqual({ ok: false, code: 'ERR_LEASE_LOST' })
  })

  test('that was taken over can neither note an outcome reference nor settle', () => {
    const taken = stateAfter(seize(executing, lease, { replica: 'gw-2', epoch: 1 }, T0))
    expect(noteOutcomeRef(taken, lease, { xid: '7' }, T0)).toEqual({ ok: false, code: 'ERR_LEASE_LOST' })
    expect(settle(taken, lease, { state: 'executed', output: undefined }, T0)).toEqual({
      ok: false,
      code: 'ERR_LEASE_LOST',
    })
    expect(noteOutcomeRef(taken, { replica: 'gw-2', epoch: 1 }, { xid: '7' }, T0)).toMatchObject({ ok: true })
  })

  test('of an older run of the same replica is not held by the new run', () => {
    expect(settle(executing, { ...lease, epoch: 4 }, { state: 'unknown' }, T0)).toMatchObject({
      code: 'ERR_LEASE_LOST',
    })
    expect(seize(executing, { ...lease, epoch: 2 }, { ...lease, epoch: 4 }, T0)).toMatchObject({
      code: 'ERR_LEASE_LOST',
    })
  })
})

describe('withdraw and expire', () => {
  test('a pending or approved request can be withdrawn, twice is once', () => {
    for (const open of [anApproval(), approved]) {
      const gone = stateAfter(withdraw(open, 'caller', T0))
      expect(gone).toMatchObject({ state: 'withdrawn', withdrawnBy: 'caller', args: undefined })
      expect(withdraw(gone, 'caller', T0)).toEqual({ ok: true, approval: gone, events: [] })
    }
  })

  test.each<[ApprovalState, string]>([
    ['denied', 'ERR_APPROVAL_DENIED'],
    ['expired', 'ERR_APPROVAL_EXPIRED'],
    ['executing', 'ERR_APPROVAL_TAKEN'],
    ['executed', 'ERR_APPROVAL_TAKEN'],
  ])('what is %s cannot be withdrawn', (state, code) => {
    expect(withdraw(anApproval({ state }), 'caller', T0)).toEqual({ ok: false, code })
  })

  test('expiry closes what is overdue and nothing else', () => {
    expect(expire(anApproval(), T0 + 4 * HOUR)).toMatchObject({ approval: { state: 'expired', args: undefined } })
    expect(expire(approved, T0 + HOUR)).toMatchObject({ approval: { state: 'expired' } })
    expect(expire(executing, T0 + 99 * HOUR)).toEqual({ ok: true, approval: executing, events: [] })
  })
})
