import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trailEvent } from '../../src/audit/event.ts'
import { type CallRecord, openRecord } from '../../src/audit/record.ts'
import { openRefusalCounter } from '../../src/audit/refusals.ts'
import { openSessions } from '../../src/audit/session.ts'
import type { Caller, ClearedCall, Decision, MaskedOutput, MaskedText, ToolCall } from '../../src/call.ts'
import { GateError } from '../../src/errors.ts'
import { openMemoryTrail } from './memoryTrail.ts'

const masked = (text: string) => text as MaskedText

const CALL: ToolCall = {
  id: 'call_1',
  tool: 'run_sql',
  args: { sql: "DELETE FROM users WHERE email = 'canary@corp.example'" },
  credential: 'canary-token',
  receivedAt: new Date('2026-11-20T09:00:00Z'),
  agent: { name: 'claude-code', version: '2.1.328', conversation: 'c-1', traceparent: undefined },
  address: '192.0.2.7',
}

const CALLER: Caller = {
  ...{ key: 'entra|t|o|a', provider: 'entra', kind: 'agent', tenant: 't', subject: 'o', app: 'a', name: 'cleanup-bot' },
  groups: { known: true, ids: ['g-1', 'g-2'] },
  ...{ roles: [], person: undefined, blueprint: undefined, tokenId: 'uti-1', expiresAt: new Date(0) },
}

const OPERATION = { operation: 'DELETE', otherwise: 'deny', facts: { tables: ['public.users'] } } as const

function decide(action: Decision['action'], record = false): Decision {
  const verdict = {
    policy: 'cleanup',
    rule: 'small-deletes',
    source: 'p.yaml:3',
    reason: 'rule-matched',
    message: 'no',
  }
  return {
    action,
    verdicts: [{ operation: OPERATION, action, ...verdict }],
    approval: undefined,
    record,
    charges: [],
    policyVersion: 'sha256:p',
  }
}

const cleared = (callId = 'call_1', approvalId?: string) =>
  ({ callId, approvalId, constraints: { maxRows: 5 } }) as unknown as ClearedCall
const output = {
  result: { rows: [[1]] },
  masked: [{ where: 'email', why: 'protected', count: 1 }],
} as unknown as MaskedOutput

function open(call: ToolCall = CALL) {
  const memory = openMemoryTrail()
  const refusals = openRefusalCounter(memory.trail)
  const nameGroup = (id: string) => (id === 'g-1' ? 'db-maintenance-agents' : id)
  const record = openRecord(call, { trail: memory.trail, refusals, sessionOf: openSessions(), nameGroup })
  return { record, refusals, ...memory }
}

function decided(record: CallRecord, decision: Decision = decide('allow')): void {
  record.identified(CALLER)
  record.understood({ connection: 'prod', effect: 'write', operations: [OPERATION] })
  record.decided(decision, { sql: masked('DELETE FROM users WHERE email = [masked]') }, 'hmac-sha256:d')
}

describe('a call that runs', () => {
  test('is decided, then started, then finished, and every event fits the schema', async () => {
    const { record, events } = open()
    decided(record)
    await record.intent(cleared('call_1', 'apr_1'))
    await record.outcomeRef({ xid: '742' })
    await record.finished(output, { status: 'executed', rowsChanged: 1, durationMs: 12 })
    expect(events.map(({ event }) => event)).toEqual([
      ...['call.decided', 'call.started', 'call.committing', 'call.finished'],
    ])
    for (const event of events) trailEvent.parse(JSON.parse(JSON.stringify(event)))
    expect(events[0]).toMatchObject({
      ...{ call: 'call_1', tool: 'run_sql', connection: 'prod', digest: 'hmac-sha256:d' },
      caller: { tid: 't', oid: 'o', app: 'a', groups: ['db-maintenance-agents', 'g-2'], token: 'uti-1' },
      operations: [{ operation: 'DELETE', tables: ['public.users'] }],
      decision: { action: 'allow', policy: 'cleanup', rule: 'small-deletes', policy_version: 'sha256:p' },
    })
    expect(events[1]).toMatchObject({ approval: 'apr_1', max_rows: 5 })
    expect(events[3]).toMatchObject({
      status: 'executed',
      rows_changed: 1,
      bytes: 14,
      masked: [{ where: 'email', count: 1 }],
    })
    expect(events[3]).not.toHaveProperty('output.rows')
  })

  test('neither its arguments nor its token reach the trail', async () => {
    const { record, events } = open()
    decided(record)
    await record.intent(cleared())
    await record.failed(new Error("duplicate key (email)=('canary@corp.example')"))
    expect(JSON.stringify(events)).not.toContain('canary')
    expect(events.at(-1)).toMatchObject({ status: 'failed', code: 'ERR_INTERNAL' })
  })

  test('the output is in the trail when the policy says record, and only its hash otherwise', async () => {
    const { record, events } = open()
    decided(record, decide('allow', true))
    await record.intent(cleared())
    await record.finished(output, { status: 'executed' })
    expect(events.at(-1)).toMatchObject({ output: { rows: [[1]] } })
  })

  test('the intent is durable when the call is started', async () => {
    const { record, events, state } = open()
    decided(record)
    await record.intent(cleared())
    expect(state.durable).toBe(events.length)
    expect(events.at(-1)).toMatchObject({ event: 'call.started' })
  })

  test('without a trail there is no started call, and the refusal that follows is kept for later', async () => {
    const { record, events, state } = open()
    decided(record)
    state.isBroken = true
    const error = await record.intent(cleared()).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_AUDIT' })
    await record.refused(error)
    expect(events.map(({ event }) => event)).toEqual(['call.decided', 'call.refused'])
    expect(events.at(-1)).toMatchObject({ code: 'ERR_AUDIT' })
  })

  test('a clearance of another call starts nothing', async () => {
    const { record, events } = open()
    decided(record)
    await expect(record.intent(cleared('call_2'))).rejects.toBeInstanceOf(TypeError)
    expect(events.map(({ event }) => event)).toEqual(['call.decided'])
  })

  test('two intents of one call start it once', async () => {
    const { record, events } = open()
    decided(record)
    const results = await Promise.allSettled([record.intent(cleared()), record.intent(cleared())])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(events.filter(({ event }) => event === 'call.started')).toHaveLength(1)
  })
})

describe('a call that is stopped', () => {
  test('before authentication it is counted per address and code', async () => {
    const { record, events, refusals } = open()
    await record.refused(new GateError('ERR_BODY_MALFORMED'))
    expect(events).toEqual([])
    await refusals.close()
    expect(events).toMatchObject([
      { event: 'refusals.aggregated', refusals: [{ address: '192.0.2.7', code: 'ERR_BODY_MALFORMED', count: 1 }] },
    ])
  })

  test('after authentication it is a record of its own, with the caller and the address', async () => {
    const { record, events } = open({ ...CALL, tool: 'x'.repeat(10_000) })
    record.identified(CALLER)
    await record.refused(new GateError('ERR_TOOL_UNKNOWN', { detail: 'canary' }), { message: masked('No such tool.') })
    expect(events).toMatchObject([
      { event: 'call.refused', code: 'ERR_TOOL_UNKNOWN', address: '192.0.2.7', caller: { oid: 'o' } },
    ])
    expect(JSON.stringify(events)).not.toContain('canary')
    expect(JSON.stringify(events).length).toBeLessThan(1_500)
  })

  test('groups that nobody knows are recorded as unknown, never as none', async () => {
    const { record, events } = open()
    record.identified({ ...CALLER, groups: { known: false, why: 'overage' } })
    await record.refused(new GateError('ERR_ARGUMENTS'))
    expect(events).toMatchObject([{ caller: { groups_unknown: 'overage' } }])
    expect(events[0]).not.toHaveProperty('caller.groups')
  })

  test('denied and deferred calls name the approval', async () => {
    const first = open()
    decided(first.record, decide('deny'))
    await first.record.denied({ code: 'ERR_POLICY_DENIED', message: masked('no') })
    expect(first.events.at(-1)).toMatchObject({
      event: 'call.denied',
      code: 'ERR_POLICY_DENIED',
      digest: 'hmac-sha256:d',
    })
    const second = open()
    decided(second.record, decide('require-approval'))
    await second.record.deferred('apr_1')
    expect(second.events.at(-1)).toMatchObject({ event: 'call.deferred', approval: 'apr_1' })
  })
})

test('whatever is tried, in whatever order, a call ends at most once and never finishes as executed without an intent', async () => {
  const steps: Record<string, (record: CallRecord) => unknown> = {
    identified: (record) => record.identified(CALLER),
    decided: (record) => record.decided(decide('allow'), {}),
    intent: (record) => record.intent(cleared()),
    outcomeRef: (record) => record.outcomeRef('x'),
    executed: (record) => record.finished(output, { status: 'executed' }),
    answered: (record) => record.finished(output, { status: 'answered' }),
    failed: (record) => record.failed(new GateError('ERR_TARGET_FAILED')),
    refused: (record) => record.refused(new GateError('ERR_ARGUMENTS')),
    denied: (record) => record.denied({ code: 'ERR_POLICY_DENIED' }),
    deferred: (record) => record.deferred('apr_1'),
    breakTrail: () => undefined,
  }
  const ENDS = ['call.refused', 'call.denied', 'call.deferred', 'call.finished']
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 8 }), async (names) => {
      const { record, events, state, refusals } = open()
      for (const name of names) {
        if (name === 'breakTrail') state.isBroken = !state.isBroken
        try {
          await steps[name]?.(record)
        } catch (error) {
          expect(error instanceof TypeError || error instanceof GateError).toBe(true)
        }
      }
      await refusals.close()
      const ends = events.filter(({ event }) => ENDS.includes(event) || event === 'refusals.aggregated')
      expect(ends.length).toBeLessThanOrEqual(1)
      expect(ends.length === 0 || record.hasEnded()).toBe(true)
      const order = events.map(({ event }) => event)
      if (order.includes('call.started')) {
        for (const event of ends) expect(event.event).toBe('call.finished')
      }
      for (const event of ends) {
        if (event.event === 'call.finished' && event.status === 'executed') expect(order).toContain('call.started')
      }
    }),
    { numRuns: 2_000 },
  )
})
