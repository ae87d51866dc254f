import { expect, test } from 'vitest'
import type { Gate, LiveConfig } from '../../src/config/liveConfig.ts'
import { groupIdsOf, inForceOf, namerOf } from '../../src/gateway/inForce.ts'

/** A gate of the parts that are looked at here. */
function gateOf(groups: Record<string, string>, labels: Record<string, string>, groupId: string): Gate {
  return {
    config: { groups, connections: { prod: { type: 'postgres', labels } }, approvals: { reviewers: {} } },
    policies: { version: groupId, policies: [{ subjects: { groups: [{ alias: 'a', id: groupId }] } }] },
  } as unknown as Gate
}

test('What is in force is worked out once for each load, and anew after a reload', () => {
  let gate = gateOf({ dba: 'g-1' }, { env: 'prod' }, 'g-1')
  const live: LiveConfig = { current: () => gate, reload: () => Promise.reject(new Error('not here')) }
  const [inForce, groupIds, nameOf] = [inForceOf(live), groupIdsOf(live), namerOf(live)]
  const before = inForce()
  expect(inForce()).toBe(before)
  expect([groupIds(), nameOf('g-1'), nameOf('g-2')]).toEqual([['g-1'], 'dba', 'g-2'])

  gate = gateOf({ dba: 'g-1', leads: 'g-2' }, { env: 'staging' }, 'g-2')
  expect(inForce().policies).toBe(gate.policies)
  expect(inForce().connections.get('prod')?.labels).toEqual({ env: 'staging' })
  expect(inForce().connections.get('prod')?.version).not.toBe(before.connections.get('prod')?.version)
  expect([groupIds(), nameOf('g-1'), nameOf('g-2')]).toEqual([['g-2'], 'dba', 'leads'])
})

test('A group with two names goes by the first of them', () => {
  const gate = gateOf({ dba: 'g-1', admins: 'g-1' }, {}, 'g-1')
  expect(namerOf({ current: () => gate, reload: () => Promise.reject(new Error('not here')) })('g-1')).toBe('dba')
})
