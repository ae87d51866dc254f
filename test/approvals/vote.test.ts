import { describe, expect, test } from 'vitest'
import type { ApprovalState } from '../../src/approvals/approval.ts'
import { vote } from '../../src/approvals/vote.ts'
import { aBallot, anApproval, digestNamed, HOUR, T0 } from './fixtures.ts'

const pending = anApproval()
const GUID = '6f1c1b3e-0000-4000-8000-0000000000ab'

function approved(person = 'ann') {
  const result = vote(pending, aBallot(person, 'approve'), T0)
  if (!result.ok) throw new TypeError(result.code)
  return result.approval
}

describe('a vote', () => {
  test('of a reviewer approves, and starts the claim deadline', () => {
    const result = vote(pending, aBallot('ann', 'approve'), T0 + 5)
    expect(result).toMatchObject({
      ok: true,
      approval: {
        state: 'approved',
        version: 2,
        claimBy: T0 + 5 + HOUR,
        votes: [{ subject: 'ann-oid', sets: ['dba'] }],
      },
      events: [{ kind: 'decided', version: 2 }],
    })
  })

  test('against it denies at once and drops the true arguments', () => {
    const result = vote(pending, aBallot('ann', 'deny'), T0)
    expect(result).toMatchObject({ ok: true, approval: { state: 'denied', args: undefined, settledAt: T0 } })
  })

  test('counts once for one person, however often it is cast', () => {
    const two = anApproval({ needs: [{ set: 'dba', atLeast: 2 }] })
    const first = vote(two, aBallot('ann', 'approve'), T0)
    if (!first.ok) throw new TypeError(first.code)
    const again = vote(first.approval, aBallot('ann', 'approve'), T0 + 1)
    expect(again).toEqual({ ok: true, approval: first.approval, events: [] })
    expect(first.approval.state).toBe('pending')
    expect(vote(first.approval, aBallot('bob', 'approve'), T0 + 2)).toMatchObject({ approval: { state: 'approved' } })
  })

  test('counts for every set the person is in, and every set must be satisfied', () => {
    const both = anApproval({
      needs: [
        { set: 'dba', atLeast: 2 },
        { set: 'security', atLeast: 1 },
      ],
    })
    const one = vote(both, aBallot('ann', 'approve', { memberOf: ['dba', 'security', 'other'] }), T0)
    if (!one.ok) throw new TypeError(one.code)
    expect(one.approval).toMatchObject({ state: 'pending', votes: [{ sets: ['dba', 'security'] }] })
    const sec = vote(one.approval, aBallot('sue', 'approve', { memberOf: ['security'] }), T0)
    expect(sec).toMatchObject({ approval: { state: 'pending' } })
    const dba = vote(one.approval, aBallot('bob', 'approve', { memberOf: ['dba'] }), T0)
    expect(dba).toMatchObject({ approval: { state: 'approved' } })
  })

  test('may turn from approve to deny while others are still asked', () => {
    const two = anApproval({ needs: [{ set: 'dba', atLeast: 2 }] })
    const first = vote(two, aBallot('ann', 'approve'), T0)
    if (!first.ok) throw new TypeError(first.code)
    const second = vote(first.approval, aBallot('ann', 'deny'), T0)
    expect(second).toMatchObject({ approval: { state: 'denied', votes: [{ verdict: 'deny' }] } })
  })

  test.each([
    ['of somebody in no needed set', aBallot('ann', 'approve', { memberOf: ['security'] }), 'ERR_VOTE_NOT_REVIEWER'],
    ['of somebody in no set at all', aBallot('ann', 'deny', { memberOf: [] }), 'ERR_VOTE_NOT_REVIEWER'],
    ['of the human the agent acts for', aBallot('human', 'approve'), 'ERR_VOTE_OWN_CALL'],
    ['of the caller itself', aBallot('agent', 'approve'), 'ERR_VOTE_OWN_CALL'],
    [
      'of an account for which the caller answers, as configured',
      aBallot('ann', 'approve', { aliases: ['agent-oid'] }),
      'ERR_VOTE_OWN_CALL',
    ],
    [
      'of another account of the human the agent acts for',
      aBallot('ann', 'deny', { aliases: ['entra/t1/human-oid'] }),
      'ERR_VOTE_OWN_CALL',
    ],
    ['of an owner, named by object id', aBallot('ann', 'approve', { owners: ['ann-oid'] }), 'ERR_VOTE_OWNER'],
    [
      'of an owner, named by an object id in another case',
      aBallot('ann', 'approve', { subject: GUID, owners: [GUID.toUpperCase()] }),
      'ERR_VOTE_OWNER',
    ],
    [
      'of an owner, named by a person key in another case',
      aBallot('ann', 'approve', { person: `entra/${GUID}/${GUID}`, owners: [`entra/${GUID}/${GUID.toUpperCase()}`] }),
      'ERR_VOTE_OWNER',
    ],
    ['of an owner, named by person key', aBallot('ann', 'deny', { owners: ['entra/t1/ann-oid'] }), 'ERR_VOTE_OWNER'],
    ['on another request than was shown', aBallot('ann', 'approve', { digest: digestNamed('d2') }), 'ERR_VOTE_DIGEST'],
    ['to deny without a reason', aBallot('ann', 'deny', { reason: undefined }), 'ERR_VOTE_REASON'],
  ])('%s is refused and changes nothing', (_, ballot, code) => {
    expect(vote(pending, ballot, T0)).toMatchObject({ ok: false, code })
  })

  test('on a request that nobody can approve is refused', () => {
    expect(vote(anApproval({ needs: [] }), aBallot('ann', 'approve'), T0)).toMatchObject({
      code: 'ERR_VOTE_NOT_REVIEWER',
    })
  })

  test('after the request expired is refused, swept or not', () => {
    expect(vote(pending, aBallot('ann', 'approve'), pending.expiresAt - 1)).toMatchObject({ ok: true })
    expect(vote(pending, aBallot('ann', 'approve'), pending.expiresAt)).toMatchObject({ code: 'ERR_VOTE_EXPIRED' })
    const swept = anApproval({ state: 'expired' })
    expect(vote(swept, aBallot('ann', 'approve'), T0)).toMatchObject({ code: 'ERR_VOTE_EXPIRED' })
  })

  test.each<ApprovalState>(['approved', 'denied', 'withdrawn', 'executing', 'executed', 'failed', 'unknown'])(
    'on a request that is %s is refused, and says who decided',
    (state) => {
      const decided = { ...approved(), state }
      const result = vote(decided, aBallot('bob', 'deny'), T0)
      expect(result).toMatchObject({ ok: false, code: 'ERR_VOTE_DECIDED' })
      if (state !== 'withdrawn') expect(result).toMatchObject({ facts: { by: 'ann', state } })
    },
  )

  test('that cannot count learns nothing about who decided', () => {
    const result = vote(approved(), aBallot('eve', 'approve', { memberOf: [] }), T0)
    expect(result).toEqual({ ok: false, code: 'ERR_VOTE_NOT_REVIEWER' })
  })
})
