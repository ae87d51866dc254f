import { describe, expect, test } from 'vitest'
import { createGates } from '../fixtures/gates.ts'

const READ = { connection: 'numbers', do: 'read' }
const ADD = { connection: 'numbers', do: 'add', by: 5 }
const HOURS = 'mon-fri 08:00-18:00 Europe/Madrid'
const FRIDAY_NOON = Date.parse('2026-11-20T12:00:00+01:00')
const HOUR = 3_600_000

const policy = (rules: string) => `policy: agents\nconnection: numbers\nrules:\n${rules}`

function gate(rules: string) {
  const made = createGates(policy(rules))
  made.clock.now = FRIDAY_NOON
  made.login('agent', { expiresAt: new Date(FRIDAY_NOON + 1000 * HOUR) })
  made.login('other', { expiresAt: new Date(FRIDAY_NOON + 1000 * HOUR) })
  return made
}

const approvalOf = (answer: { approvalId: string | undefined }) => answer.approvalId ?? ''
/** The request is opened and the caller leaves at once. */
const gone = { waiter: { signal: AbortSignal.abort() } }

describe('a rate on a rule that allows', () => {
  const RULES = '  - { name: few, match: { operation: READ|ADD, atMost: 20/h }, action: allow }'

  test('lets exactly so many of 100 calls at once through, and says when to come back', async () => {
    const made = gate(RULES)
    const answers = await Promise.all(Array.from({ length: 100 }, () => made.call('tally', READ)))
    expect(answers.filter(({ status }) => status === 'ok')).toHaveLength(20)
    const denied = answers.filter(({ status }) => status === 'denied')
    expect(denied).toHaveLength(80)
    expect(made.tally.seen).toMatchObject({ executed: 20, open: 0 })
    expect(denied[0]).toMatchObject({
      code: 'ERR_POLICY_RATE',
      details: { policy: 'agents', rule: 'few', retry_after_seconds: 3600 },
    })
    expect(denied[0]?.message).toContain('Rule few of policy agents lets a caller through 20 times')
    expect(made.events.filter(({ event }) => event === 'call.denied')).toHaveLength(80)
  })

  test('counts for each caller by itself, and frees uses when their time is over', async () => {
    const made = gate(RULES)
    for (let call = 0; call < 20; call++) await made.call('tally', READ)
    expect(await made.call('tally', READ)).toMatchObject({ status: 'denied' })
    expect(await made.call('tally', READ, { token: 'other' })).toMatchObject({ status: 'ok' })
    made.clock.now += HOUR
    expect(await made.call('tally', READ)).toMatchObject({ status: 'ok' })
  })

  test('is not used up by asking, by what policy denies, or by what is listed', async () => {
    const made = gate(`${RULES.replace('20/h', '1/h')}\n  - { name: no, match: WIPE, action: deny }`)
    const explained = async () => {
      const answer = await made.call('explain_call', { tool: 'tally', arguments: READ })
      return JSON.parse(JSON.stringify(answer.output?.result)).decision as unknown
    }
    expect([await explained(), await explained()]).toEqual(['allow', 'allow'])
    await made.call('list_connections', {})
    expect(await made.call('tally', { ...READ, do: 'wipe' })).toMatchObject({ code: 'ERR_POLICY_DENIED' })
    expect(await made.call('tally', READ)).toMatchObject({ status: 'ok' })
    expect(await explained()).toBe('deny')
    expect(await made.call('tally', READ)).toMatchObject({ code: 'ERR_POLICY_RATE' })
  })

  test('is not used by the repeat of a write that has run, and a write beyond it may be tried again under its key', async () => {
    const made = gate(RULES.replace('20/h', '1/h'))
    const write = { ...ADD, idempotency_key: 'k1' }
    expect(await made.call('tally', write)).toMatchObject({ status: 'ok' })
    expect(await made.call('tally', write)).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('ran already'),
    })
    const second = { ...ADD, idempotency_key: 'k2' }
    expect(await made.call('tally', second)).toMatchObject({ code: 'ERR_POLICY_RATE' })
    made.clock.now += HOUR
    expect(await made.call('tally', second)).toMatchObject({ status: 'ok', message: 'Executed.' })
    expect(made.tally.numbers.get('a')).toBe(11)
  })
})

describe('a rate on a rule that asks people', () => {
  const RULES =
    '  - { match: READ, action: allow }\n  - { name: few, match: { operation: ADD, atMost: 2/h }, action: require-approval }'

  test('counts requests, when they are opened: not joined ones, nor the execution of what was approved', async () => {
    const made = gate(RULES)
    const first = await made.call('tally', ADD, gone)
    expect(first.status).toBe('pending_approval')
    expect(approvalOf(await made.call('tally', ADD, gone))).toBe(approvalOf(first))
    const second = await made.call('tally', { ...ADD, by: 6 }, gone)
    expect(second.status).toBe('pending_approval')
    expect(await made.call('tally', { ...ADD, by: 7 }, gone)).toMatchObject({ code: 'ERR_POLICY_RATE' })
    await made.vote(approvalOf(first), 'approve')
    await made.vote(approvalOf(second), 'approve')
    expect(await made.call('await_approval', { approval_id: approvalOf(first) })).toMatchObject({ status: 'ok' })
    expect(await made.call('tally', { ...ADD, by: 6 })).toMatchObject({ status: 'ok' })
    expect(made.tally.numbers.get('a')).toBe(12)
  })

  test('is not given back by a denial or a withdrawal', async () => {
    const made = gate(RULES)
    const first = await made.call('tally', ADD, gone)
    const second = await made.call('tally', { ...ADD, by: 6 }, gone)
    await made.vote(approvalOf(first), 'deny')
    await made.call('withdraw_approval', { approval_id: approvalOf(second) })
    expect(await made.call('tally', { ...ADD, by: 7 }, gone)).toMatchObject({ code: 'ERR_POLICY_RATE' })
    expect(await made.store.list(['pending'], 10)).toEqual([])
  })
})

describe('hours and an approval', () => {
  const RULES = `  - { match: READ, action: allow }\n  - { name: office, match: { operation: ADD, during: "${HOURS}" }, action: require-approval }`

  test('what was approved is not run outside the hours, and is run within them', async () => {
    const made = gate(RULES)
    made.clock.now = FRIDAY_NOON + 5.9 * HOUR
    const asked = await made.call('tally', ADD, gone)
    await made.vote(approvalOf(asked), 'approve')
    made.clock.now += 5 * 60_000 + 60_000
    made.clock.now = FRIDAY_NOON + 6 * HOUR
    const late = await made.call('await_approval', { approval_id: approvalOf(asked) })
    expect(late).toMatchObject({ status: 'denied', code: 'ERR_POLICY_DENIED' })
    expect(late.message).toContain(
      'rule office of policy agents opens mon-fri 08:00-18:00 Europe/Madrid; next at 2026-11-23T07:00',
    )
    expect(made.tally.seen.executed).toBe(0)
    made.clock.now = FRIDAY_NOON + 5.99 * HOUR
    expect(await made.call('await_approval', { approval_id: approvalOf(asked) })).toMatchObject({ status: 'ok' })
  })

  test('a connection whose only rule is closed is still known, so that the denial says when it opens', async () => {
    const made = gate(`  - { name: office, match: { operation: READ, during: "${HOURS}" }, action: allow }`)
    made.clock.now = FRIDAY_NOON + 10 * HOUR
    const answer = await made.call('tally', READ)
    expect(answer).toMatchObject({ status: 'denied', code: 'ERR_POLICY_DENIED' })
    expect(answer.message).toContain('next at 2026-11-23T07:00:00.000Z')
  })
})
