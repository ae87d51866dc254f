import { expect, test } from 'vitest'
import { clear } from '../../src/approvals/clear.ts'
import { termsOf } from '../../src/approvals/newApproval.ts'
import { escalate } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import type { RuleEscalation } from '../../src/call.ts'
import { aBallot, aDecision, aGate, anApproval, aRequest, HOUR, MINUTE, rules, T0 } from './fixtures.ts'

const configured = { ...rules, escalation: { afterMs: 10 * MINUTE, to: 'security' } }
const soon = { afterMs: MINUTE, to: 'two-dbas' }

test.each<[string, readonly RuleEscalation[] | undefined, unknown]>([
  ['nothing: as configured', undefined, { afterMs: 10 * MINUTE, to: [{ set: 'security', atLeast: 1 }] }],
  [
    'its own set, with the number of people that this one asks for',
    [soon],
    { afterMs: MINUTE, to: [{ set: 'two-dbas', atLeast: 2 }] },
  ],
  ['never', ['none'], undefined],
  ['never in one rule, sooner in another: it stays', [soon, 'none'], undefined],
  [
    'different things: the longest wait, and then every set',
    [soon, 'default'],
    {
      afterMs: 10 * MINUTE,
      to: [
        { set: 'security', atLeast: 1 },
        { set: 'two-dbas', atLeast: 2 },
      ],
    },
  ],
])('rules that gate a call say %s', (_what, escalation, expected) => {
  const decision = aDecision('require-approval', escalation === undefined ? {} : { escalation })
  expect(termsOf(decision, configured).escalation).toEqual(expected)
})

test('where nothing is configured, a rule that says nothing moves nothing, nor does one beside it', () => {
  expect(termsOf(aDecision('require-approval'), rules).escalation).toBeUndefined()
  expect(termsOf(aDecision('require-approval', { escalation: [soon, 'default'] }), rules).escalation).toBeUndefined()
})

test('votes of before count for nobody who is asked now; who is in both sets votes again', () => {
  const needs = [{ set: 'dba', atLeast: 2 }]
  const to = [{ set: 'security', atLeast: 1 }]
  const approval = anApproval({ needs, escalation: { at: T0 + HOUR, to } })
  const both = { memberOf: ['dba', 'security'] }
  const voted = vote(approval, aBallot('ann', 'approve', both), T0)
  const late = voted.ok ? escalate(voted.approval, T0 + HOUR) : voted
  if (!late.ok) throw new TypeError(late.code)
  expect(late.approval).toMatchObject({ state: 'pending', needs: to })
  const again = vote(late.approval, aBallot('ann', 'approve', both), T0 + HOUR)
  expect(again).toMatchObject({ ok: true, approval: { state: 'approved' } })
  expect(vote(late.approval, aBallot('bob', 'approve'), T0 + HOUR)).toMatchObject({ code: 'ERR_VOTE_NOT_REVIEWER' })
})

test('a vote of before counts neither for a set that is asked before and after, until it is cast again', () => {
  const dba = { set: 'dba', atLeast: 1 }
  const security = { set: 'security', atLeast: 1 }
  const to = [dba, { set: 'leads', atLeast: 1 }]
  const approval = anApproval({ needs: [dba, security], escalation: { at: T0 + HOUR, to } })
  const voted = vote(approval, aBallot('ann', 'approve'), T0)
  const late = voted.ok ? escalate(voted.approval, T0 + HOUR) : voted
  if (!late.ok) throw new TypeError(late.code)
  const lead = vote(late.approval, aBallot('lea', 'approve', { memberOf: ['leads'] }), T0 + HOUR)
  if (!lead.ok) throw new TypeError(lead.code)
  expect(lead.approval).toMatchObject({ state: 'pending', votes: [{ name: 'ann' }, { name: 'lea' }] })
  expect(vote(lead.approval, aBallot('ann', 'approve'), T0 + HOUR)).toMatchObject({ approval: { state: 'approved' } })
})

test('an approval by others than policy names now clears nothing', async () => {
  const gate = await aGate()
  gate.rulesNow = { ...rules, escalation: { afterMs: MINUTE, to: 'security' } }
  const asked = await clear(aRequest(), gate)
  if (asked.state !== 'pending') throw new TypeError(asked.state)
  gate.now += MINUTE
  await gate.store.sweep(gate.now)
  const { id } = asked.approval
  await gate.store.change(id, (one) => vote(one, aBallot('sec', 'approve', { memberOf: ['security'] }), gate.now))
  const collected = () => clear(aRequest({ approvalId: id }), gate)
  gate.rulesNow = { ...rules, escalation: { afterMs: MINUTE, to: 'two-dbas' } }
  await expect(collected()).rejects.toMatchObject({ code: 'ERR_APPROVAL_POLICY' })
})

test('an approval by those to whom policy sends it clears the call', async () => {
  const gate = await aGate()
  gate.rulesNow = { ...rules, escalation: { afterMs: MINUTE, to: 'security' } }
  const asked = await clear(aRequest(), gate)
  if (asked.state !== 'pending') throw new TypeError(asked.state)
  gate.now += MINUTE
  await gate.store.sweep(gate.now)
  const { id } = asked.approval
  await gate.store.change(id, (one) => vote(one, aBallot('sec', 'approve', { memberOf: ['security'] }), gate.now))
  // The same call joins it as well: it asks for no more than it did.
  expect(await clear(aRequest(), gate)).toMatchObject({ state: 'cleared', approval: { id } })
})
