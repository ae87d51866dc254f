import { describe, expect, test } from 'vitest'
import { GateError } from '../src/errors.ts'
import { createFront } from '../src/gateway/createFront.ts'
import type { Understood } from '../src/tools/tool.ts'
import { createGates, POLICY, SERVER_SECRET } from './fixtures/gates.ts'

const READ = { connection: 'numbers', do: 'read' }
const ADD = { connection: 'numbers', do: 'add', by: 5 }

function gate(...args: Parameters<typeof createGates>) {
  const made = createGates(...args)
  made.login('agent')
  return made
}

/** The life of each call in the trail, in order. */
const events = (made: ReturnType<typeof gate>) => made.events.map(({ event }) => event)

describe('an allowed call', () => {
  test('runs, is masked, and is on record before and after', async () => {
    const made = gate()
    const answer = await made.call('tally', READ)
    expect(answer).toMatchObject({ status: 'ok', output: { result: { rows: [['a', 1, '[masked:users.ssn]']] } } })
    expect(events(made)).toEqual(['call.decided', 'call.started', 'call.finished'])
    expect(JSON.stringify(made.events) + JSON.stringify(answer)).not.toContain('CANARY')
    expect(made.tally.seen.open).toBe(0)
  })

  test('does not run when its intent cannot be written', async () => {
    const made = gate()
    made.failWhen((event) => event.event === 'call.started')
    expect(await made.call('tally', READ)).toMatchObject({ status: 'failed', code: 'ERR_AUDIT' })
    expect(made.tally.seen).toMatchObject({ executed: 0, open: 0 })
  })

  test('keeps its output back when the outcome cannot be written', async () => {
    const made = gate()
    made.failWhen((event) => event.event === 'call.finished')
    const answer = await made.call('tally', READ)
    expect(answer).toMatchObject({ status: 'unknown', code: 'ERR_AUDIT_OUTCOME' })
    expect(answer.output).toBeUndefined()
  })

  test('that fails at the target is closed as failed, and a bug says nothing but the call id', async () => {
    const made = gate()
    made.tally.script.execute = async () => {
      throw new Error('password=CANARY')
    }
    const answer = await made.call('tally', READ)
    expect(answer).toMatchObject({ status: 'failed', code: 'ERR_INTERNAL' })
    expect(JSON.stringify([answer, made.events])).not.toContain('CANARY')
    expect(made.events.at(-1)).toMatchObject({ event: 'call.finished', status: 'failed', code: 'ERR_INTERNAL' })
    expect(made.bugs).toHaveLength(1)
  })

  test('that is cancelled by the client is aborted when it reads', async () => {
    const made = gate()
    const gone = new AbortController()
    made.tally.script.execute = (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    const running = made.call('tally', READ, { waiter: { signal: gone.signal } })
    await expect.poll(() => made.tally.seen.executed).toBe(1)
    gone.abort()
    expect(await running).toMatchObject({ status: 'failed' })
    expect(made.tally.seen.open).toBe(0)
  })
})

describe('what a tool says before its target has answered', () => {
  const READS = { operation: 'READ', otherwise: 'deny', facts: {} } as const

  test('is decided once when it holds, and on record as any decision is', async () => {
    const plain = gate()
    const first = await plain.call('tally', READ)
    const made = gate()
    made.tally.script.guess = (truth) => truth
    const second = await made.call('tally', READ)
    const withoutIds = (value: unknown) => JSON.stringify(value).replace(/(?:call|ses)_\w+|"duration_ms":[\d.]+/g, '')
    expect(withoutIds(second)).toBe(withoutIds(first))
    expect(withoutIds(made.events)).toBe(withoutIds(plain.events))
  })

  test.each<[string, Partial<Understood>]>([
    ['another operation', { operations: [READS] }],
    ['other judged facts', { judged: { version: 0 } }],
    ['another target', { target: { connection: 'other' } }],
    ['another request', { request: [{ name: 'do', text: 'read a', hidden: [], literals: [] }] }],
  ])('decides nothing when it was %s', async (_, wrong) => {
    const made = gate(POLICY, { inlineWaitMs: 0 })
    made.tally.script.guess = (truth) => ({ ...truth, ...wrong })
    const gated = await made.call('tally', ADD)
    expect(gated).toMatchObject({ status: 'pending_approval' })
    const plain = gate(POLICY, { inlineWaitMs: 0 })
    const right = await plain.call('tally', ADD)
    const decided = (of: ReturnType<typeof gate>) =>
      of.events.flatMap((event) =>
        event.event === 'call.decided'
          ? [[event.digest, event.effect, event.operations, event.request, event.decision]]
          : [],
      )
    expect(right.status).toBe('pending_approval')
    expect(decided(made)).toEqual(decided(plain))
    expect(made.tally.numbers.get('a')).toBe(1)
    const wiped = await made.call('tally', { ...READ, do: 'wipe' })
    expect(wiped).toMatchObject({ status: 'denied', code: 'ERR_POLICY_DENIED' })
  })

  test('decides nothing once the hours of a rule are over', async () => {
    const made = gate(`
policy: agents
connection: numbers
rules:
  - match: { operation: READ, during: "mon-sun 08:00-18:00 UTC" }
    action: allow
`)
    made.clock.now = Date.parse('2026-11-20T17:59:59.900Z')
    made.login('agent')
    made.tally.script.guess = (truth) => truth
    expect(await made.call('tally', READ)).toMatchObject({ status: 'ok' })
    made.tally.script.beforeAnswer = async () => {
      made.clock.now += 5_000
    }
    expect(await made.call('tally', READ)).toMatchObject({ status: 'denied', code: 'ERR_POLICY_DENIED' })
    expect(made.tally.seen.executed).toBe(1)
  })

  test('is not shown as it was masked before a credential was learned', async () => {
    const rotated = 'rotated-credential-9876543210'
    const made = gate(POLICY, { inlineWaitMs: 0 })
    made.tally.script.guess = (truth) => truth
    made.tally.script.beforeAnswer = async () => made.learn(rotated)
    const answer = await made.call('tally', { ...ADD, name: rotated })
    expect(answer).toMatchObject({ status: 'pending_approval' })
    expect(JSON.stringify([answer, made.events])).not.toContain(rotated)
    expect(JSON.stringify((await made.pending()).shown)).not.toContain(rotated)
    expect(JSON.stringify(made.events)).toContain('[masked:server-credential]')
  })

  test('may be what nothing can be decided about', async () => {
    const made = gate()
    made.tally.script.guess = () => ({ operations: undefined }) as unknown as Understood
    expect(await made.call('tally', READ)).toMatchObject({ status: 'ok' })
  })
})

describe('every way out leaves exactly one end on record', () => {
  const stops: [string, string, object | null, string, string][] = [
    ['an unknown tool', 'rm_rf', READ, 'ERR_TOOL_UNKNOWN', 'call.refused'],
    ['arguments that do not fit', 'tally', { connection: 'numbers', do: 'explode' }, 'ERR_ARGUMENTS', 'call.refused'],
    ['no arguments at all', 'tally', null, 'ERR_ARGUMENTS', 'call.refused'],
    ['an unknown argument', 'tally', { ...READ, force: true }, 'ERR_ARGUMENTS', 'call.refused'],
    ['an unknown connection', 'tally', { ...READ, connection: 'nope' }, 'ERR_CONNECTION_UNKNOWN', 'call.refused'],
    ['a placeholder as a value', 'tally', { ...ADD, name: '[masked:users.ssn]' }, 'ERR_PLACEHOLDER', 'call.refused'],
    ['what cannot be understood', 'tally', { ...READ, do: 'garble' }, 'ERR_SQL_NOT_UNDERSTOOD', 'call.refused'],
    ['what no rule covers', 'tally', { ...READ, do: 'wipe' }, 'ERR_POLICY_DENIED', 'call.denied'],
    ['a foreign approval', 'await_approval', { approval_id: 'apr_0' }, 'ERR_APPROVAL_UNKNOWN', 'call.refused'],
    ['explaining an unknown tool', 'explain_call', { tool: 'x', arguments: {} }, 'ERR_TOOL_UNKNOWN', 'call.refused'],
  ]
  test.each(stops)('%s', async (_title, tool, args, code, event) => {
    const made = gate()
    const answer = await made.call(tool, args as never)
    expect(answer.code).toBe(code)
    const ends = made.events.filter(({ event }) => /refused|denied|deferred|finished/.test(event))
    expect(ends).toMatchObject([{ event, code }])
    expect(made.tally.seen).toMatchObject({ executed: 0, open: 0 })
  })

  test('a bad credential is counted, not written', async () => {
    const made = gate()
    expect(await made.call('tally', READ, { token: 'forged' })).toMatchObject({ code: 'ERR_TOKEN_SIGNATURE' })
    expect(made.events).toEqual([])
    await (await made.gates).record.refusals.flush()
    expect(made.events).toMatchObject([
      { event: 'refusals.aggregated', refusals: [{ code: 'ERR_TOKEN_SIGNATURE', count: 1 }] },
    ])
  })
})

test('what a caller sends over its limits is counted, however much it is', async () => {
  const made = gate()
  const gates = await made.gates
  const caller = await gates.verifyToken('agent')
  const front = createFront(gates)
  for (let n = 0; n < 500; n += 1) {
    front.recordRefusal({ address: '192.0.2.1', code: 'ERR_RATE_LIMIT', caller, tool: undefined })
    front.recordRefusal({ address: '192.0.2.1', code: 'ERR_BUSY', caller, tool: undefined })
  }
  await gates.record.refusals.flush()
  const counted = { address: '192.0.2.1', oid: 'agent', count: 500 }
  expect(made.events).toMatchObject([
    {
      event: 'refusals.aggregated',
      refusals: [
        { ...counted, code: 'ERR_RATE_LIMIT' },
        { ...counted, code: 'ERR_BUSY' },
      ],
    },
  ])
})

describe('a gated call', () => {
  test('waits, runs once after approval, and answers a repeat from what it kept', async () => {
    const made = gate()
    const progress: string[] = []
    const waiting = made.call('tally', ADD, { waiter: { progress: async (text) => void progress.push(text) } })
    const approval = await made.pending()
    expect(made.tally.seen).toMatchObject({ executed: 0, open: 0 })
    await made.vote(approval.id, 'approve')
    expect(await waiting).toMatchObject({ status: 'ok', approvalId: approval.id })
    expect(made.tally.numbers.get('a')).toBe(6)
    expect(progress[0]).toContain(approval.id)

    expect(await made.call('tally', ADD)).toMatchObject({ status: 'ok', approvalId: approval.id })
    expect(made.tally.numbers.get('a')).toBe(6)
    expect(events(made).filter((event) => event === 'call.started')).toHaveLength(1)
  })

  test('that is not decided in time is pending, and await_approval collects it', async () => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const first = await made.call('tally', ADD)
    expect(first).toMatchObject({ status: 'pending_approval', approvalId: expect.stringMatching(/^apr_/) })
    expect(made.events.at(-1)).toMatchObject({ event: 'call.deferred', approval: first.approvalId })
    const id = first.approvalId ?? ''
    await made.vote(id, 'approve')
    expect(await made.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok', approvalId: id })
    expect(made.tally.numbers.get('a')).toBe(6)
    expect(await made.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })
    expect(made.tally.numbers.get('a')).toBe(6)
  })

  test('that has run keeps its result from a caller whose rights are gone, whichever way it asks', async () => {
    const made = gate()
    const waiting = made.call('tally', ADD)
    const { id } = await made.pending()
    await made.vote(id, 'approve')
    expect(await waiting).toMatchObject({ status: 'ok' })
    made.login('agent', { groups: { known: true, ids: [] } })
    for (const [tool, args] of [
      ['tally', ADD],
      ['await_approval', { approval_id: id }],
    ] as const) {
      const answer = await made.call(tool, args)
      expect(answer).toMatchObject({ status: 'failed', code: 'ERR_CONNECTION_UNKNOWN' })
      expect(answer.output).toBeUndefined()
    }
  })

  test('that is denied tells the reason and does not run', async () => {
    const made = gate()
    const waiting = made.call('tally', ADD)
    await made.vote((await made.pending()).id, 'deny')
    const answer = await waiting
    expect(answer).toMatchObject({ status: 'denied', code: 'ERR_APPROVAL_DENIED' })
    expect(answer.message).toContain('not now')
    expect(made.tally.seen.executed).toBe(0)
    expect(await made.call('tally', ADD)).toMatchObject({ status: 'denied' })
  })

  test('two identical calls that wait make one request and one execution', async () => {
    const made = gate()
    const both = [made.call('tally', ADD), made.call('tally', { ...ADD, reason: 'worded differently' })]
    const approval = await made.pending()
    await expect.poll(async () => made.tally.seen.released).toBe(2)
    await made.vote(approval.id, 'approve')
    const answers = await Promise.all(both)
    expect(answers.map(({ status }) => status)).toEqual(['ok', 'ok'])
    expect(made.tally.numbers.get('a')).toBe(6)
  })

  test('a second request that waits while the first one runs is not told that nothing has run', async () => {
    const made = gate()
    let finish = () => {}
    made.tally.script.beforeChange = () =>
      new Promise((resolve) => {
        finish = resolve
      })
    const first = made.call('tally', ADD)
    await made.vote((await made.pending()).id, 'approve')
    await expect.poll(() => made.tally.seen.executed).toBe(1)
    const progress: string[] = []
    const second = made.call('tally', ADD, { waiter: { progress: async (text) => void progress.push(text) } })
    await expect.poll(() => progress.length).toBeGreaterThan(0)
    finish()
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual(['ok', 'ok'])
    expect(progress.join()).toContain('is running')
    expect(progress.join()).not.toContain('nothing has been executed')
    expect(made.tally.numbers.get('a')).toBe(6)
  })

  const changes: [string, (made: ReturnType<typeof gate>) => unknown, string][] = [
    [
      'another object at the target',
      (made) => {
        made.tally.script.version = 2
      },
      'ERR_APPROVAL_CHANGED',
    ],
    [
      'a new consequence',
      (made) => made.tally.script.consequences.push({ operation: 'echo:b', otherwise: 'require-approval', facts: {} }),
      'ERR_APPROVAL_CHANGED',
    ],
    ['a rule that now denies', (made) => made.load(POLICY.replace('require-approval', 'deny')), 'ERR_POLICY_DENIED'],
    [
      'a revoked caller',
      (made) => made.store.revoke({ kind: 'caller', id: 'agent' }, 'op', undefined, made.clock.now),
      'ERR_REVOKED',
    ],
    [
      'an expired token',
      (made) => {
        made.clock.now += 3_599_000 + 200_000
      },
      'ERR_TOKEN_EXPIRED',
    ],
  ]
  test.each(changes)('does not run after approval with %s', async (_title, change, code) => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const { approvalId = '' } = await made.call('tally', ADD)
    await made.vote(approvalId, 'approve')
    if (code === 'ERR_TOKEN_EXPIRED') made.login('agent', { expiresAt: new Date(made.clock.now + 1_000) })
    if (code === 'ERR_TOKEN_EXPIRED') made.clock.now += 120_000
    else await change(made)
    const answer = await made.call('await_approval', { approval_id: approvalId })
    expect(answer.code).toBe(code)
    expect(made.tally.seen.executed).toBe(0)
    expect(made.tally.numbers.get('a')).toBe(1)
  })

  test('a comment in the policy, or a looser rule, voids nothing', async () => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const { approvalId = '' } = await made.call('tally', ADD)
    await made.vote(approvalId, 'approve')
    made.load(`# a comment\n${POLICY}`)
    expect(await made.call('await_approval', { approval_id: approvalId })).toMatchObject({ status: 'ok' })
  })

  test('changed arguments ask anew', async () => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const first = await made.call('tally', ADD)
    await made.vote(first.approvalId ?? '', 'approve')
    const other = await made.call('tally', { ...ADD, by: 500 })
    expect(other.status).toBe('pending_approval')
    expect(other.approvalId).not.toBe(first.approvalId)
    expect(made.tally.numbers.get('a')).toBe(1)
  })

  test.each([
    ['another caller', { subject: 'mallory' }],
    ['another agent of the same human', { subject: 'agent', person: 'test|tenant|ada' }],
  ])('%s can neither collect nor withdraw it, and learns nothing', async (_title, who) => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const { approvalId = '' } = await made.call('tally', ADD)
    await made.vote(approvalId, 'approve')
    made.login('other', { key: 'test|tenant|other|app2', app: 'app2', ...who })
    for (const tool of ['await_approval', 'withdraw_approval']) {
      const foreign = await made.call(tool, { approval_id: approvalId }, { token: 'other' })
      const unknown = await made.call(tool, { approval_id: `${approvalId.slice(0, -1)}0` }, { token: 'other' })
      expect(foreign.code).toBe('ERR_APPROVAL_UNKNOWN')
      expect({ ...foreign, callId: '' }).toEqual({ ...unknown, callId: '' })
    }
    expect((await made.store.get(approvalId))?.state).toBe('approved')
    expect(made.tally.seen.executed).toBe(0)
  })

  test('that is withdrawn does not run any more', async () => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const { approvalId = '' } = await made.call('tally', ADD)
    expect(await made.call('withdraw_approval', { approval_id: approvalId })).toMatchObject({ status: 'ok' })
    await expect(made.vote(approvalId, 'approve')).rejects.toMatchObject({ code: 'ERR_VOTE_DECIDED' })
    expect(await made.call('await_approval', { approval_id: approvalId })).toMatchObject({ status: 'withdrawn' })
    expect(made.tally.seen.executed).toBe(0)
  })

  test('that expires undecided, or approved and not collected, does not run', async () => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const first = await made.call('tally', ADD)
    await made.vote(first.approvalId ?? '', 'approve')
    const second = await made.call('tally', { ...ADD, by: 7 })
    made.clock.now += 3_500_000
    made.login('agent')
    expect(await made.call('await_approval', { approval_id: first.approvalId ?? '' })).toMatchObject({
      status: 'expired',
    })
    made.clock.now += 200_000
    made.login('agent')
    expect(await made.call('await_approval', { approval_id: second.approvalId ?? '' })).toMatchObject({
      status: 'expired',
    })
    expect(made.tally.seen.executed).toBe(0)
  })

  test('runs to its end when the client has gone after the approval was taken', async () => {
    const made = gate(POLICY)
    const gone = new AbortController()
    made.tally.script.beforeChange = async () => gone.abort()
    const waiting = made.call('tally', ADD, { waiter: { signal: gone.signal } })
    await made.vote((await made.pending()).id, 'approve')
    expect(await waiting).toMatchObject({ status: 'ok' })
    expect(made.tally.numbers.get('a')).toBe(6)
  })

  test('closing the stream ends the wait, not the request', async () => {
    const made = gate()
    const gone = new AbortController()
    const waiting = made.call('tally', ADD, { waiter: { signal: gone.signal } })
    const approval = await made.pending()
    gone.abort()
    expect(await waiting).toMatchObject({ status: 'pending_approval' })
    expect((await made.store.get(approval.id))?.state).toBe('pending')
  })

  test('whose change is in doubt is unknown, and says so to everybody', async () => {
    const made = gate()
    made.tally.script.afterChange = async () => {
      throw new Error('lost the connection')
    }
    const waiting = made.call('tally', ADD)
    const approval = await made.pending()
    await made.vote(approval.id, 'approve')
    expect(await waiting).toMatchObject({ code: 'ERR_INTERNAL' })
    expect((await made.store.get(approval.id))?.state).toBe('unknown')
    expect(made.events.at(-1)).toMatchObject({
      event: 'call.finished',
      status: 'unknown',
      outcome_ref: { tx: 1 },
    })
    expect(await made.call('await_approval', { approval_id: approval.id })).toMatchObject({ status: 'unknown' })
  })
})

describe('the kill switch and the clock, while a call waits', () => {
  test('a caller who is revoked stops waiting at once, and nothing runs', async () => {
    const made = gate()
    const waiting = made.call('tally', ADD)
    const approval = await made.pending()
    await made.store.revoke({ kind: 'app', id: 'app' }, 'op', undefined, made.clock.now)
    expect(await waiting).toMatchObject({ status: 'denied', code: 'ERR_REVOKED' })
    await made.vote(approval.id, 'approve')
    expect(made.tally.seen.executed).toBe(0)
  })

  test('a token that expires during the wait does not use up the approval: a fresh one collects it', async () => {
    const made = gate()
    made.login('agent', { expiresAt: new Date(made.clock.now + 1_000) })
    const waiting = made.call('tally', ADD)
    const approval = await made.pending()
    made.clock.now += 120_000
    await made.vote(approval.id, 'approve')
    expect(await waiting).toMatchObject({ code: 'ERR_TOKEN_EXPIRED' })
    expect((await made.store.get(approval.id))?.state).toBe('approved')
    made.login('agent')
    expect(await made.call('await_approval', { approval_id: approval.id })).toMatchObject({ status: 'ok' })
    expect(made.tally.numbers.get('a')).toBe(6)
  })

  test('an outcome that the store cannot take at once is settled later', async () => {
    const made = gate()
    const gates = await made.gates
    const change = made.store.change.bind(made.store)
    let refusals = 0
    made.tally.script.afterChange = async () => {
      made.store.change = async (...args) => {
        if (refusals++ < 1) throw new GateError('ERR_STORE')
        return change(...args)
      }
    }
    const waiting = made.call('tally', ADD)
    const approval = await made.pending()
    await made.vote(approval.id, 'approve')
    expect(await waiting).toMatchObject({ status: 'ok' })
    expect(gates.approvals.store).toBe(made.store)
    await expect.poll(async () => (await made.store.get(approval.id))?.state, { timeout: 10_000 }).toBe('executed')
  })
})

describe('nobody approves their own call', () => {
  const refusals: [string, Parameters<ReturnType<typeof gate>['vote']>[2], string][] = [
    ['the human an agent acts for', { subject: 'ada' }, 'ERR_VOTE_OWN_CALL'],
    ['an owner of the agent', { subject: 'owner' }, 'ERR_VOTE_OWNER'],
    ['somebody outside the reviewer set', { groups: { known: true, ids: [] } }, 'ERR_VOTE_NOT_REVIEWER'],
    ['somebody whose groups are not known', { groups: { known: false, why: 'overage' } }, 'ERR_VOTE_MEMBERSHIP'],
  ]
  test.each(refusals)('%s', async (_title, reviewer, code) => {
    const made = gate(POLICY, { inlineWaitMs: 30 })
    const { approvalId = '' } = await made.call('tally', ADD)
    await expect(made.vote(approvalId, 'approve', reviewer)).rejects.toMatchObject({ code })
    expect((await made.store.get(approvalId))?.state).toBe('pending')
  })
})

describe('tools about the gate', () => {
  test('explain_call gives the decision that the call gets, and runs nothing', async () => {
    const made = gate()
    const explain = async (args: object) =>
      (await made.call('explain_call', { tool: 'tally', arguments: args } as never)).output?.result
    expect(await explain(READ)).toMatchObject({ decision: 'allow', operations: [{ operation: 'READ', rule: '1' }] })
    expect(await explain(ADD)).toMatchObject({ decision: 'require-approval' })
    expect(await explain({ ...READ, do: 'wipe' })).toMatchObject({ decision: 'deny' })
    expect(made.tally.seen).toMatchObject({ executed: 0, open: 0 })
    expect(await made.store.list(['pending'], 10)).toEqual([])
    const [decided, finished] = made.events
    expect(decided).toMatchObject({ event: 'call.decided', tool: 'explain_call', operations: [{ operation: 'READ' }] })
    expect(decided).toHaveProperty('request')
    expect(finished).toMatchObject({ event: 'call.finished', status: 'answered', connection: 'numbers' })
  })

  test('list_connections shows what is open, and nothing to a caller without rules', async () => {
    const made = gate()
    const { output } = await made.call('list_connections', {})
    expect(output?.result).toMatchObject({ connections: [{ connection: 'numbers', tools: [{ tool: 'tally' }] }] })
    made.login('stranger', { groups: { known: true, ids: [] } })
    expect((await made.call('list_connections', {}, { token: 'stranger' })).output?.result).toEqual({ connections: [] })
    const probe = await made.call('tally', READ, { token: 'stranger' })
    expect(probe.code).toBe('ERR_CONNECTION_UNKNOWN')
  })

  test('a caller whose groups are unknown is told so', async () => {
    const made = gate()
    made.login('many', { groups: { known: false, why: 'overage' } })
    const answer = await made.call('tally', READ, { token: 'many' })
    expect(answer).toMatchObject({ code: 'ERR_CONNECTION_UNKNOWN' })
    expect(answer.message).toContain('overage')
  })
})

test('an allowed write with an idempotency key runs once', async () => {
  const made = gate(POLICY.replace('require-approval', 'allow'))
  const args = { ...ADD, idempotency_key: 'k1' }
  expect(await made.call('tally', args)).toMatchObject({ status: 'ok' })
  expect(await made.call('tally', args)).toMatchObject({ status: 'ok' })
  expect(await made.call('tally', { ...args, by: 9 })).toMatchObject({ code: 'ERR_IDEMPOTENCY_CONFLICT' })
  expect(made.tally.numbers.get('a')).toBe(6)
})

test("a caller in whose calls the server's own credential turns up three times is suspended", async () => {
  const made = gate()
  made.tally.numbers.set(`x ${SERVER_SECRET}`, 2)
  for (let n = 0; n < 3; n += 1) {
    const answer = await made.call('tally', READ)
    expect(JSON.stringify(answer)).not.toContain(SERVER_SECRET)
  }
  await expect.poll(async () => (await made.call('tally', READ)).code).toBe('ERR_REVOKED')
  expect(made.events).toContainEqual(expect.objectContaining({ event: 'revocation.added', by: 'gateway' }))
  expect(JSON.stringify(made.events)).not.toContain(SERVER_SECRET)
})
