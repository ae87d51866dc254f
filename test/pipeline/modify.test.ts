import { expect, test, vi } from 'vitest'
import type { Answer, Json } from '../../src/call.ts'
import { createGates } from '../fixtures/gates.ts'

const ADD = { connection: 'numbers', do: 'add', name: 'a', by: 100, reason: 'the total is wrong' }

/** An agent that waits in its call, and the request that it waits for. */
async function waiting(gates = createGates(), args: Json = ADD) {
  gates.login('agent')
  const answer = gates.call('tally', args)
  const request = await gates.pending()
  return { gates, answer, request }
}

const changedOf = (answer: Answer) => (answer.details as { changed?: Record<string, Json> } | undefined)?.changed

test('what a reviewer wrote and another one approved runs in the waiting call, and the agent is told', async () => {
  const { gates, answer, request } = await waiting()
  const changed = await gates.modify(request.id, { name: 'b', by: 5 })
  expect(await gates.store.get(request.id)).toMatchObject({
    state: 'modified',
    replacement: { id: changed.id },
    args: undefined,
  })
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  const told = await answer
  expect(told).toMatchObject({ status: 'ok', approvalId: changed.id })
  expect(told.message).toContain('NOT what you asked for')
  expect(changedOf(told)).toMatchObject({
    approval_id: changed.id,
    asked: { do: 'add a' },
    now: { do: 'add b' },
    note: 'smaller',
  })
  expect([...gates.tally.numbers]).toEqual([
    ['a', 1],
    ['b', 5],
  ])
  expect(gates.tally.seen).toMatchObject({ executed: 1, open: 0 })
})

test('the changed request is a new one: other digest, new preview, no votes, its own time, the same caller', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  await gates.vote(request.id, 'deny', { subject: 'nobody', groups: { known: true, ids: [] } }).catch(() => undefined)
  gates.clock.now += 60_000
  const changed = await gates.modify(request.id, { name: 'b' })
  expect(changed).toMatchObject({
    state: 'pending',
    callId: request.callId,
    votes: [],
    createdAt: gates.clock.now,
    expiresAt: gates.clock.now + request.ttlMs,
    shown: { preview: { lines: ['would change b'] }, reason: 'the total is wrong' },
    modification: { parent: request.id, author: { subject: 'grace' } },
  })
  expect(changed.caller.key).toBe(request.caller.key)
  expect(changed.digest).not.toBe(request.digest)
  expect(gates.events.map(({ event }) => event).filter((event) => event.startsWith('approval.'))).toEqual([
    'approval.requested',
    'approval.modified',
    'approval.requested',
  ])
})

test.each([
  ['itself', {}],
  ['through another surface with the same directory id', { person: 'TEST|tenant|GRACE' }],
  ['with an account that is configured as the same person', { subject: 'grace-elsewhere' }],
  ['as another provider shows the same object id', { person: 'other|tenant|grace', provider: 'other' }],
])('its author does not approve it: %s', async (_how, who) => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const changed = await gates.modify(request.id, { by: 5 })
  await expect(gates.vote(changed.id, 'approve', who)).rejects.toMatchObject({ code: 'ERR_VOTE_AUTHOR' })
  expect(await gates.store.get(changed.id)).toMatchObject({ state: 'pending', votes: [] })
})

test('who is configured as another account of the author is held to it the other way round, too', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const changed = await gates.modify(request.id, { by: 5 }, { subject: 'grace-elsewhere' })
  await expect(gates.vote(changed.id, 'approve')).rejects.toMatchObject({ code: 'ERR_VOTE_AUTHOR' })
})

test('its author may still deny it, and the agent gets that denial for the call it made', async () => {
  const { gates, answer, request } = await waiting()
  const changed = await gates.modify(request.id, { by: 5 })
  await gates.vote(changed.id, 'deny')
  expect(await answer).toMatchObject({ status: 'denied', approvalId: changed.id })
  // Denial memory holds for what the agent asked for, too.
  expect(await gates.call('tally', ADD)).toMatchObject({ status: 'denied', approvalId: changed.id })
  expect(await gates.store.list(['pending'], 10)).toEqual([])
})

test('modified twice: nobody who wrote a part of it approves it, and the agent is led to the last one', async () => {
  const { gates, answer, request } = await waiting()
  const first = await gates.modify(request.id, { by: 5 })
  const second = await gates.modify(first.id, { name: 'c' }, { subject: 'heidi' })
  for (const subject of ['grace', 'heidi']) {
    await expect(gates.vote(second.id, 'approve', { subject })).rejects.toMatchObject({ code: 'ERR_VOTE_AUTHOR' })
  }
  await gates.vote(second.id, 'approve', { subject: 'ivan' })
  expect(await answer).toMatchObject({
    status: 'ok',
    approvalId: second.id,
    details: { changed: { asked: { do: 'add a' } } },
  })
  expect(gates.tally.numbers.get('c')).toBe(5)
  expect(gates.tally.numbers.get('a')).toBe(1)
})

test('back to what the agent asked for: it is the same call again, and still nobody approves what they wrote', async () => {
  const { gates, answer, request } = await waiting()
  const first = await gates.modify(request.id, { by: 5 })
  const back = await gates.modify(first.id, { by: 100 }, { subject: 'heidi' })
  expect(back.digest).toBe(request.digest)
  await expect(gates.vote(back.id, 'approve')).rejects.toMatchObject({ code: 'ERR_VOTE_AUTHOR' })
  await gates.vote(back.id, 'approve', { subject: 'ivan' })
  expect(await answer).toMatchObject({ status: 'ok', approvalId: back.id })
  expect(gates.tally.numbers.get('a')).toBe(101)
})

test('the old id, the call again and the new id all lead to the one result, which ran once', async () => {
  const { gates, answer, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  expect(await answer).toMatchObject({ status: 'pending_approval', approvalId: request.id })
  const changed = await gates.modify(request.id, { by: 5 })
  for (const waitingStill of [
    await gates.call('tally', ADD),
    await gates.call('await_approval', { approval_id: request.id }),
  ]) {
    expect(waitingStill).toMatchObject({ status: 'pending_approval', approvalId: changed.id, details: { changed: {} } })
  }
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  const answers = await Promise.all([
    gates.call('await_approval', { approval_id: request.id }),
    gates.call('tally', ADD),
    gates.call('await_approval', { approval_id: changed.id }),
    gates.call('tally', { ...ADD, by: 5 }),
  ])
  await vi.waitFor(async () => expect(await gates.store.get(changed.id)).toMatchObject({ state: 'executed' }))
  for (const one of answers) expect(['ok', 'pending_approval']).toContain(one.status)
  for (const again of [
    await gates.call('await_approval', { approval_id: request.id }),
    await gates.call('tally', ADD),
    await gates.call('await_approval', { approval_id: changed.id }),
    await gates.call('tally', { ...ADD, by: 5 }),
  ]) {
    expect(again).toMatchObject({ status: 'ok', approvalId: changed.id })
  }
  expect(gates.tally.seen.executed).toBe(1)
  expect(gates.tally.numbers.get('a')).toBe(6)
  expect(gates.bugs).toEqual([])
})

test('what was changed is nobody else’s: another caller gets the same answer as for an id that does not exist', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const changed = await gates.modify(request.id, { by: 5 })
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  gates.login('other')
  for (const id of [request.id, changed.id]) {
    expect(await gates.call('await_approval', { approval_id: id }, { token: 'other' })).toMatchObject({
      code: 'ERR_APPROVAL_UNKNOWN',
    })
  }
  expect(gates.tally.seen.executed).toBe(0)
})

test('the agent takes back what a reviewer wrote, by the old id or the new one', async () => {
  for (const which of ['old', 'new']) {
    const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
    const changed = await gates.modify(request.id, { by: 5 })
    await gates.vote(changed.id, 'approve', { subject: 'heidi' })
    const id = which === 'old' ? request.id : changed.id
    expect(await gates.call('withdraw_approval', { approval_id: id })).toMatchObject({
      status: 'ok',
      approvalId: changed.id,
    })
    expect(await gates.call('await_approval', { approval_id: request.id })).toMatchObject({ status: 'withdrawn' })
    expect(gates.tally.seen.executed).toBe(0)
  }
})

test.each<[string, Readonly<Record<string, Json>>, string]>([
  ['an argument that the tool does not have', { extra: 1 }, 'ERR_ARGUMENTS'],
  ['a value that the tool does not take', { by: 'five' }, 'ERR_ARGUMENTS'],
  ['another connection', { connection: 'letters' }, 'ERR_MODIFY_FIELD'],
  ['the agent’s own reason', { reason: 'because I say so' }, 'ERR_MODIFY_FIELD'],
  ['a placeholder', { name: '[masked:secret]' }, 'ERR_PLACEHOLDER'],
  ['what policy denies', { do: 'wipe' }, 'ERR_MODIFY_DENIED'],
  ['what the tool does not understand', { do: 'garble' }, 'ERR_SQL_NOT_UNDERSTOOD'],
  ['nothing', {}, 'ERR_MODIFY_NOTHING'],
])('%s: refused, and the request waits as before', async (_what, set, code) => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  await expect(gates.modify(request.id, set)).rejects.toMatchObject({ code })
  expect(await gates.store.get(request.id)).toEqual(request)
  expect(await gates.store.list(['pending'], 10)).toHaveLength(1)
  expect(gates.tally.seen.open).toBe(0)
})

test.each([
  ['the person the agent acts for', { person: 'test|tenant|human' }, 'ERR_VOTE_OWN_CALL'],
  ['an owner of the agent', { subject: 'owner' }, 'ERR_VOTE_OWNER'],
  ['somebody in no reviewer set', { groups: { known: true as const, ids: [] } }, 'ERR_VOTE_NOT_REVIEWER'],
])('%s changes nothing, and nothing is asked of the target for them', async (_who, reviewer, code) => {
  const gates = createGates(undefined, { inlineWaitMs: 0 })
  gates.login('agent', { person: 'test|tenant|human' })
  await gates.call('tally', ADD)
  const request = await gates.pending()
  const { understood } = gates.tally.seen
  await expect(gates.modify(request.id, { by: 5 }, reviewer)).rejects.toMatchObject({ code })
  expect(gates.tally.seen.understood).toBe(understood)
  expect(await gates.store.get(request.id)).toEqual(request)
})

test('a change is for the request that was shown', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const old = `hmac-sha256:${'0'.repeat(64)}`
  await expect(gates.modify(request.id, { by: 5 }, {}, old)).rejects.toMatchObject({ code: 'ERR_VOTE_DIGEST' })
})

test('what policy allows the agent alone still needs another person, once a reviewer has written it', async () => {
  const { gates, answer, request } = await waiting()
  const changed = await gates.modify(request.id, { do: 'read' })
  expect(changed).toMatchObject({ state: 'pending', needs: request.needs })
  await expect(gates.vote(changed.id, 'approve')).rejects.toMatchObject({ code: 'ERR_VOTE_AUTHOR' })
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  expect(await answer).toMatchObject({ status: 'ok', approvalId: changed.id })
})

test('what the agent waits for already is not asked a second time under another author', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const other = await gates.call('tally', { ...ADD, by: 5 })
  await expect(gates.modify(request.id, { by: 5 })).rejects.toMatchObject({
    code: 'ERR_MODIFY_EXISTS',
    facts: { exists: other.approvalId },
  })
  await gates.vote(other.approvalId ?? '', 'deny')
  // Somebody has just said no to exactly this.
  await expect(gates.modify(request.id, { by: 5 })).rejects.toMatchObject({ code: 'ERR_MODIFY_EXISTS' })
})

test('policy is asked again for the caller as they are when it runs', async () => {
  const { gates, answer, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  await answer
  const changed = await gates.modify(request.id, { by: 5 })
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  gates.load(
    'policy: agents\nconnection: numbers\nrules:\n  - { match: READ, action: allow }\n  - { match: ADD, action: deny }\n',
  )
  expect(await gates.call('await_approval', { approval_id: request.id })).toMatchObject({ code: 'ERR_POLICY_DENIED' })
  expect(gates.tally.seen.executed).toBe(0)
})

test('the target changed between the approval of the change and its run: nothing runs', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const changed = await gates.modify(request.id, { by: 5 })
  await gates.vote(changed.id, 'approve', { subject: 'heidi' })
  gates.tally.script.version += 1
  expect(await gates.call('await_approval', { approval_id: request.id })).toMatchObject({
    code: 'ERR_APPROVAL_CHANGED',
  })
  expect(gates.tally.seen.executed).toBe(0)
})

test('changes do not count against what an agent may ask, and each reviewer has a number of them', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  let last = request
  for (let by = 1; by <= 20; by += 1) last = await gates.modify(last.id, { by })
  await expect(gates.modify(last.id, { by: 21 })).rejects.toMatchObject({ code: 'ERR_MODIFY_RATE' })
  // Nor is it said whether a guess is what the request hides.
  await expect(gates.modify(last.id, {})).rejects.toMatchObject({ code: 'ERR_MODIFY_RATE' })
  expect(await gates.store.get(last.id)).toMatchObject({ state: 'pending' })
  const next = await gates.modify(last.id, { by: 21 }, { subject: 'heidi' })
  expect(next.state).toBe('pending')
  // Three may wait for this caller, who has asked for one so far.
  for (const name of ['x', 'y'])
    expect(await gates.call('tally', { ...ADD, name })).toMatchObject({ status: 'pending_approval' })
  gates.clock.now += 3_600_000 - 1_000
  await expect(gates.modify(next.id, { by: 22 }, { subject: 'heidi' })).resolves.toBeDefined()
})

test.each(['approve', 'deny', 'expire'] as const)(
  'a change and %s at the same moment: one of them wins, whole',
  async (rival) => {
    const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
    const act = async () => {
      if (rival !== 'expire') return void (await gates.vote(request.id, rival, { subject: 'heidi' }))
      gates.clock.now = request.expiresAt
      await gates.store.sweep(gates.clock.now)
    }
    const [changed] = await Promise.allSettled([gates.modify(request.id, { by: 5 }), act()])
    const parent = await gates.store.get(request.id)
    const pending = await gates.store.list(['pending'], 10)
    if (changed.status === 'fulfilled') {
      expect(parent).toMatchObject({ state: 'modified', votes: [] })
      expect(pending.map(({ id }) => id)).toEqual([changed.value.id])
    } else {
      expect(parent?.state).toBe({ approve: 'approved', deny: 'denied', expire: 'expired' }[rival])
      expect(pending).toEqual([])
    }
  },
)

test('twenty reviewers who change the same request at once: one change stands', async () => {
  const { gates, request } = await waiting(createGates(undefined, { inlineWaitMs: 0 }))
  const tries = Array.from({ length: 20 }, (_, by) => gates.modify(request.id, { by }, { subject: `reviewer-${by}` }))
  const results = await Promise.allSettled(tries)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await gates.store.list(['pending'], 100)).toHaveLength(1)
})
