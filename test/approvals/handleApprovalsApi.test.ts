import { describe, expect, test } from 'vitest'
import type { Approval } from '../../src/approvals/approval.ts'
import { clear } from '../../src/approvals/clear.ts'
import type { ClearRequest } from '../../src/approvals/clearance.ts'
import { type ApprovalsApiRequest, handleApprovalsApi } from '../../src/approvals/handleApprovalsApi.ts'
import type { LookUpGroups, Reviewer } from '../../src/approvals/membership.ts'
import type { RefusedVote, ReviewDesk } from '../../src/approvals/reviewDesk.ts'
import {
  aCaller,
  aDecision,
  aGate,
  aRequest,
  aReviewer,
  digestNamed,
  HOUR,
  MINUTE,
  masked,
  rejudge,
  T0,
  type TestGate,
} from './fixtures.ts'

interface TestDesk {
  readonly gate: TestGate
  readonly desk: ReviewDesk
  readonly refused: RefusedVote[]
  ask(over: Partial<ApprovalsApiRequest>): Promise<{ status: number; json: Record<string, unknown> }>
  pending(over?: Partial<ClearRequest>): Promise<Approval>
}

async function aDesk(lookUpGroups?: LookUpGroups): Promise<TestDesk> {
  const gate = await aGate()
  const refused: RefusedVote[] = []
  const desk: ReviewDesk = {
    store: gate.store,
    rules: gate.rules,
    clock: gate.clock,
    recordEvent: gate.recordEvent,
    lookUpGroups,
    rejudge,
    maskText: (text) => masked(text.replaceAll('hunter2', '[masked]')),
    recordVoteRefused: async (vote) => void refused.push(vote),
  }
  return {
    gate,
    desk,
    refused,
    async ask(over) {
      const request = { method: 'GET', path: '/api/approvals', query: new URLSearchParams(), body: undefined, ...over }
      const { status, json } = await handleApprovalsApi({ reviewer: aReviewer('ann'), ...request }, desk)
      return { status, json: json as Record<string, unknown> }
    },
    async pending(over = {}) {
      const answer = await clear(aRequest(over), gate)
      if (answer.state !== 'pending') throw new TypeError(answer.state)
      return answer.approval
    },
  }
}

const voteOn = (approval: Approval, verb: string, reviewer: Reviewer, body: unknown = { digest: approval.digest }) => ({
  method: 'POST',
  path: `/api/approvals/${approval.id}/${verb}`,
  reviewer,
  body,
})

describe('GET /api/approvals', () => {
  test('lists and shows what concerns the reviewer, complete, without the true arguments', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending()
    await pending({
      digest: digestNamed('s'),
      decision: aDecision('require-approval', { reviewers: ['security'] }),
    })
    const { status, json } = await ask({})
    expect(status).toBe(200)
    expect(json).toMatchObject({
      truncated: false,
      approvals: [{ id: approval.id, state: 'pending', one_click: true }],
    })
    const shown = await ask({ path: `/api/approvals/${approval.id}` })
    expect(shown).toMatchObject({ status: 200, json: { approval: { id: approval.id, digest: approval.digest } } })
    expect(JSON.stringify(shown.json)).not.toContain('"args"')
  })

  test('to people in no reviewer set, nothing exists', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending()
    const stranger = aReviewer('eve', { groups: { known: true, ids: ['g-other'] } })
    for (const path of ['/api/approvals', `/api/approvals/${approval.id}`]) {
      expect(await ask({ path, reviewer: stranger })).toMatchObject({
        status: 403,
        json: { error: { code: 'ERR_VOTE_NOT_REVIEWER' } },
      })
    }
  })

  test('to reviewers of other sets, the id does not exist', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending()
    const sec = aReviewer('sec', { groups: { known: true, ids: [] } })
    const foreign = await ask({ path: `/api/approvals/${approval.id}`, reviewer: sec })
    const unknown = await ask({ path: '/api/approvals/apr_00000000000000000000000000', reviewer: sec })
    expect(foreign).toMatchObject({ status: 404, json: { error: { code: 'ERR_VOTE_UNKNOWN' } } })
    expect(foreign).toEqual(unknown)
  })

  test('shows an overdue request as expired before any sweep, and closed ones on demand', async () => {
    const { ask, pending, gate } = await aDesk()
    const approval = await pending()
    gate.now = T0 + 4 * HOUR
    const ann = aReviewer('ann', { issuedAt: gate.now })
    expect(await ask({ reviewer: ann })).toMatchObject({ json: { approvals: [{ id: approval.id, state: 'expired' }] } })
    await gate.store.sweep(gate.now)
    expect(await ask({ reviewer: ann })).toMatchObject({ json: { approvals: [] } })
    const query = new URLSearchParams('state=all')
    expect(await ask({ reviewer: ann, query })).toMatchObject({ json: { approvals: [{ state: 'expired' }] } })
  })

  test.each([
    ['POST', '/api/approvals', 405],
    ['DELETE', '/api/approvals/apr_00000000000000000000000000', 405],
    ['GET', '/api/approvals/apr_00000000000000000000000000/approve', 405],
    ['POST', '/api/approvals/apr_00000000000000000000000000/amend', 404],
    ['POST', '/api/approvals/apr_00000000000000000000000000/approve/x', 404],
    ['GET', '/api/approvals/..%2f..%2fx', 404],
    ['GET', '/api/approvals/', 404],
    ['GET', '/api/elsewhere', 404],
  ])('%s %s is answered with %i', async (method, path, status) => {
    const { ask } = await aDesk()
    expect((await ask({ method, path })).status).toBe(status)
  })
})

describe('POST /api/approvals/ID/approve and /deny', () => {
  test('approves; a double click gets the same answer and is no second vote', async () => {
    const { ask, pending, gate, refused } = await aDesk()
    const approval = await pending()
    const approve = voteOn(approval, 'approve', aReviewer('ann'))
    expect(await ask(approve)).toMatchObject({
      status: 200,
      json: { repeated: false, approval: { state: 'approved' } },
    })
    expect(await ask(approve)).toMatchObject({ status: 200, json: { repeated: true, approval: { state: 'approved' } } })
    expect((await gate.store.get(approval.id))?.votes).toHaveLength(1)
    expect(gate.trail).toEqual(['requested', 'decided:approve:ann'])
    expect(refused).toEqual([])
  })

  test('denies with a masked reason', async () => {
    const { ask, pending, gate } = await aDesk()
    const approval = await pending()
    const body = { digest: approval.digest, reason: 'the password hunter2 is in it' }
    expect(await ask(voteOn(approval, 'deny', aReviewer('ann'), body))).toMatchObject({
      status: 200,
      json: { approval: { state: 'denied', votes: [{ reason: 'the password [masked] is in it', via: 'api' }] } },
    })
    expect(JSON.stringify(await gate.store.get(approval.id))).not.toContain('hunter2')
  })

  test('the loser of a race is told who decided', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending()
    await ask(voteOn(approval, 'approve', aReviewer('ann')))
    const body = { digest: approval.digest, reason: 'no' }
    expect(await ask(voteOn(approval, 'deny', aReviewer('bob'), body))).toMatchObject({
      status: 409,
      json: { error: { code: 'ERR_VOTE_DECIDED', state: 'approved', by: 'ann' } },
    })
  })

  test.each<[string, Partial<Reviewer> & { name: string }, string, unknown, string]>([
    ['of the person the agent acts for', { name: 'human' }, 'approve', undefined, 'ERR_VOTE_OWN_CALL'],
    ['of an owner of the agent', { name: 'owner' }, 'approve', undefined, 'ERR_VOTE_OWNER'],
    ['of a stranger', { name: 'eve', groups: { known: true, ids: [] } }, 'approve', undefined, 'ERR_VOTE_NOT_REVIEWER'],
    [
      'of a reviewer of another set',
      { name: 'sec', groups: { known: true, ids: [] } },
      'approve',
      undefined,
      'ERR_VOTE_NOT_REVIEWER',
    ],
    [
      'with unknown groups',
      { name: 'ann', groups: { known: false, why: 'overage' } },
      'approve',
      undefined,
      'ERR_VOTE_MEMBERSHIP',
    ],
    [
      'with groups from an old token',
      { name: 'ann', issuedAt: T0 - 5 * MINUTE },
      'approve',
      undefined,
      'ERR_VOTE_MEMBERSHIP',
    ],
    ['with groups from the future', { name: 'ann', issuedAt: T0 + HOUR }, 'approve', undefined, 'ERR_VOTE_MEMBERSHIP'],
    ['to deny without a reason', { name: 'ann' }, 'deny', undefined, 'ERR_VOTE_REASON'],
    ['to deny with a blank reason', { name: 'ann' }, 'deny', { digest: 0, reason: ' \n' }, 'ERR_VOTE_REASON'],
    ['on what was not shown', { name: 'ann' }, 'approve', { digest: digestNamed('x') }, 'ERR_VOTE_DIGEST'],
    ['without a digest', { name: 'ann' }, 'approve', {}, 'ERR_VOTE_MALFORMED'],
    ['without a body', { name: 'ann' }, 'approve', null, 'ERR_VOTE_MALFORMED'],
    [
      'with a beginning of the digest',
      { name: 'ann' },
      'approve',
      { digest: 'hmac-sha256:6431' },
      'ERR_VOTE_MALFORMED',
    ],
    ['with an unknown key', { name: 'ann' }, 'approve', { digest: 0, force: true }, 'ERR_VOTE_MALFORMED'],
    ['with an endless reason', { name: 'ann' }, 'deny', { digest: 0, reason: 'x'.repeat(2001) }, 'ERR_VOTE_MALFORMED'],
  ])('a vote %s is refused, recorded, and changes nothing', async (_, who, verb, given, code) => {
    const { ask, pending, gate, refused } = await aDesk()
    const approval = await pending()
    const body =
      given === undefined
        ? { digest: approval.digest }
        : given !== null && typeof given === 'object' && Reflect.get(given, 'digest') === 0
          ? { ...given, digest: approval.digest }
          : given
    const answer = await ask(voteOn(approval, verb, aReviewer(who.name, who), body))
    expect(answer).toMatchObject({ json: { error: { code } } })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(refused).toMatchObject([{ approvalId: approval.id, verdict: verb, code }])
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending', version: 1, votes: [] })
  })

  test('a revoked reviewer neither votes nor reads', async () => {
    const { ask, pending, gate, refused } = await aDesk()
    const approval = await pending()
    await gate.store.revoke({ kind: 'person', id: 'entra/t1/ann-oid' }, 'ops', undefined, T0)
    expect(await ask(voteOn(approval, 'approve', aReviewer('ann')))).toMatchObject({ status: 403 })
    expect(await ask({})).toMatchObject({ status: 403, json: { error: { code: 'ERR_REVOKED' } } })
    expect(refused).toMatchObject([{ code: 'ERR_REVOKED' }])
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending' })
  })

  test('a vote that waits for others says what is still needed', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending({ decision: aDecision('require-approval', { reviewers: ['two-dbas', 'security'] }) })
    const first = await ask(voteOn(approval, 'approve', aReviewer('both')))
    expect(first).toMatchObject({
      json: {
        approval: {
          state: 'pending',
          needs: [
            { reviewers: 'two-dbas', at_least: 2, approved: 1 },
            { reviewers: 'security', at_least: 1, approved: 1 },
          ],
        },
      },
    })
    expect(await ask(voteOn(approval, 'approve', aReviewer('ann')))).toMatchObject({
      json: { approval: { state: 'approved' } },
    })
  })

  test('the agent itself, voting as an ordinary user of another app, is still the caller', async () => {
    const { ask, pending } = await aDesk()
    const approval = await pending({ caller: aCaller({ person: undefined, kind: 'agent_user' }) })
    const agent = aReviewer('agent')
    expect(await ask(voteOn(approval, 'approve', agent))).toMatchObject({
      json: { error: { code: 'ERR_VOTE_OWN_CALL' } },
    })
  })
})

describe('membership at the moment of the click', () => {
  const stale = aReviewer('ann', { issuedAt: T0 - HOUR })

  test('is looked up when the token is older than five minutes', async () => {
    const asked: (readonly string[])[] = []
    const { ask, pending } = await aDesk(async (_, ids) => {
      asked.push(ids)
      return ['g-dba']
    })
    const approval = await pending()
    expect(await ask(voteOn(approval, 'approve', stale))).toMatchObject({ json: { approval: { state: 'approved' } } })
    expect(asked).toContainEqual(['g-dba'])
  })

  test('that ended meanwhile is no membership, whatever the token says', async () => {
    const { ask, pending } = await aDesk(async () => [])
    const approval = await pending()
    expect(await ask(voteOn(approval, 'approve', stale))).toMatchObject({
      json: { error: { code: 'ERR_VOTE_NOT_REVIEWER' } },
    })
  })

  test('that cannot be looked up is a refusal', async () => {
    const { ask, pending } = await aDesk(async () => {
      throw new Error('directory down')
    })
    const approval = await pending()
    expect(await ask(voteOn(approval, 'approve', stale))).toMatchObject({
      json: { error: { code: 'ERR_VOTE_MEMBERSHIP' } },
    })
  })

  test('by name needs no groups, and counts for nothing else', async () => {
    const { ask, pending } = await aDesk()
    const sec = aReviewer('sec', { groups: { known: false, why: 'overage' } })
    const mine = await pending({ decision: aDecision('require-approval', { reviewers: ['security'] }) })
    const other = await pending({ digest: digestNamed('o') })
    expect(await ask(voteOn(mine, 'approve', sec))).toMatchObject({ json: { approval: { state: 'approved' } } })
    expect(await ask(voteOn(other, 'approve', sec))).toMatchObject({ json: { error: { code: 'ERR_VOTE_MEMBERSHIP' } } })
  })
})
