import { expect, test } from 'vitest'
import { clear } from '../../src/approvals/clear.ts'
import { modifyRequest } from '../../src/approvals/modifyRequest.ts'
import { aGate, aRequest, aReviewer, MINUTE, rejudge, rules } from './fixtures.ts'

async function waiting() {
  const gate = await aGate()
  gate.rulesNow = { ...rules, escalation: { afterMs: MINUTE, to: 'security' } }
  const asked = await clear(aRequest(), gate)
  if (asked.state !== 'pending') throw new TypeError(asked.state)
  const { id, digest } = asked.approval
  await gate.store.change(id, (one) => ({
    ok: true,
    approval: { ...one, version: one.version + 1, caller: { ...one.caller, roles: [] } },
    events: [],
  }))
  const change = { approvalId: id, digest, set: { sql: 'DELETE FROM jobs WHERE id = 1' }, note: undefined }
  return { gate, id, change: { ...change, via: 'console' as const, reviewer: aReviewer('ann') } }
}

test('a person who is stopped while their change is judged has changed nothing', async () => {
  const { gate, id, change } = await waiting()
  const judging = async (...args: Parameters<typeof rejudge>) => {
    await gate.store.revoke({ kind: 'person', id: 'ann-oid' }, 'operator', undefined, gate.now)
    return rejudge(...args)
  }
  await expect(modifyRequest(change, { ...gate, rejudge: judging })).rejects.toMatchObject({ code: 'ERR_REVOKED' })
  expect(await gate.store.get(id)).toMatchObject({ state: 'pending' })
})

test('nor has one whose set is not asked any more by then', async () => {
  const { gate, id, change } = await waiting()
  const judging = async (...args: Parameters<typeof rejudge>) => {
    gate.now += MINUTE
    await gate.store.sweep(gate.now)
    return rejudge(...args)
  }
  await expect(modifyRequest(change, { ...gate, rejudge: judging })).rejects.toMatchObject({
    code: 'ERR_VOTE_NOT_REVIEWER',
  })
  expect(await gate.store.get(id)).toMatchObject({ state: 'pending', needs: [{ set: 'security', atLeast: 1 }] })
})
