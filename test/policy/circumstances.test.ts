import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Caller, Decision } from '../../src/call.ts'
import type { Moment } from '../../src/policy/circumstances.ts'
import { decide } from '../../src/policy/decide.ts'
import { explain, sentenceFor } from '../../src/policy/explain.ts'
import { reachable } from '../../src/policy/reachable.ts'
import { sqlTool } from './judgedTools.ts'
import { call, caller, operation, policiesOf } from './policies.ts'

const FRIDAY_NOON = Date.parse('2026-11-20T12:00:00+01:00')
const FRIDAY_NIGHT = Date.parse('2026-11-20T22:00:00+01:00')
const HOURS = 'mon-fri 08:00-18:00 Europe/Madrid'

const policy = (rules: string, head = 'policy: db-maintenance-agents\nconnection: prod-maintenance') =>
  policiesOf([`${head}\nrules:\n${rules}`])
const asked = (names: readonly string[], moment: Partial<Moment> = {}, over: Partial<Caller> = {}) =>
  call(names, { caller: caller(over), moment: { now: FRIDAY_NOON, used: new Map(), ...moment } })
const used = (counts: Record<string, number>) =>
  new Map(Object.entries(counts).map(([rule, times]) => [`db-maintenance-agents/${rule}`, times]))
const told = ({ action, verdicts }: Decision) => [action, ...verdicts.map(({ reason, rule }) => `${reason} ${rule}`)]

describe('hours', () => {
  const allow = policy(`  - { name: office, match: { operation: SELECT, during: ${HOURS} }, action: allow }`)
  const gate = policy(`  - { name: office, match: { operation: DELETE, during: ${HOURS} }, action: require-approval }`)
  const freeze = policy(
    `  - { match: SELECT, action: allow }\n  - { name: freeze, match: { during: "fri 20:00-08:00 Europe/Madrid" }, action: deny, message: Change freeze. }`,
  )

  test.each([
    ['an allow rule opens within its hours', allow, 'SELECT', FRIDAY_NOON, ['allow', 'rule-matched office']],
    ['and not outside', allow, 'SELECT', FRIDAY_NIGHT, ['deny', 'outside-hours office']],
    ['a gate gates within its hours', gate, 'DELETE', FRIDAY_NOON, ['require-approval', 'rule-matched office']],
    ['and not outside', gate, 'DELETE', FRIDAY_NIGHT, ['deny', 'outside-hours office']],
    ['a deny rule denies within its hours', freeze, 'SELECT', FRIDAY_NIGHT, ['deny', 'rule-matched freeze']],
    ['over midnight too', freeze, 'SELECT', FRIDAY_NIGHT + 8 * 3_600_000, ['deny', 'rule-matched freeze']],
    ['and not outside', freeze, 'SELECT', FRIDAY_NOON, ['allow', 'rule-matched 1']],
    [
      'hours open nothing that the rule does not name',
      allow,
      'DELETE',
      FRIDAY_NOON,
      ['deny', 'no-rule-matched undefined'],
    ],
  ])('%s', (_, policies, name, now, expected) => {
    expect(told(decide(asked([name], { now }), policies))).toEqual(expected)
  })

  test('a denial says which rule opens when, and the next time it does', () => {
    const [verdict] = decide(asked(['SELECT'], { now: FRIDAY_NIGHT }), allow).verdicts
    expect(verdict?.hindrance).toBe(`opens ${HOURS}; next at 2026-11-23T07:00:00.000Z`)
    expect(verdict && sentenceFor(verdict)).toBe(
      `SELECT: deny, because rule office of policy db-maintenance-agents (1.yaml:4) opens ${HOURS}; next at 2026-11-23T07:00:00.000Z`,
    )
  })

  test('outside the hours of one rule another one answers', () => {
    const two = policy(
      `  - { name: office, match: { operation: SELECT, during: ${HOURS} }, action: allow }\n  - { name: night, match: { operation: SELECT, during: ["mon-sun 18:00-08:00 Europe/Madrid", "sat,sun 08:00-18:00 Europe/Madrid"] }, action: require-approval }`,
    )
    expect(told(decide(asked(['SELECT']), two))).toEqual(['allow', 'rule-matched office'])
    expect(told(decide(asked(['SELECT'], { now: FRIDAY_NIGHT }), two))).toEqual([
      'require-approval',
      'rule-matched night',
    ])
    for (let hour = 0; hour < 168; hour++) {
      expect(decide(asked(['SELECT'], { now: FRIDAY_NOON + hour * 3_600_000 }), two).action).not.toBe('deny')
    }
  })

  test('the message of a rule is for what it denies itself, not for when it is closed', () => {
    const rules = policy(`  - { match: { operation: SELECT, during: ${HOURS} }, action: allow, message: Read only. }`)
    expect(decide(asked(['SELECT'], { now: FRIDAY_NIGHT }), rules).verdicts[0]?.message).toBeUndefined()
  })

  test('a rule for a group that is not known to hold the caller says nothing about its hours', () => {
    const unknown = { groups: { known: false, why: 'overage' } } as const
    const decision = decide(asked(['SELECT'], { now: FRIDAY_NIGHT }, unknown), allow)
    expect(told(decision)).toEqual(['deny', 'groups-unknown undefined'])
  })

  test('a gate that lapses over an allow rule is pointed out at load', () => {
    const { warnings } = policy(
      `  - { match: SELECT, action: allow }\n  - { match: { operation: SELECT, schemas: [hr], during: ${HOURS} }, action: require-approval }`,
    )
    expect(warnings.map(({ line, message }) => [line, message])).toEqual([
      [5, `outside ${HOURS} this rule holds nothing back, and rule 1 (line 4) allows without approval`],
    ])
  })
})

describe('rates', () => {
  const allow = policy('  - { name: few, match: { operation: SELECT, atMost: 20/h }, action: allow }')
  const few = { policy: 'db-maintenance-agents', rule: 'few', limit: 20, windowMs: 3_600_000 }

  test.each([
    ['no use', { few: 0 }, 'allow'],
    ['one use short of it', { few: 19 }, 'allow'],
    ['used up', { few: 20 }, 'deny'],
    ['more than used up', { few: 21 }, 'deny'],
    ['a count that nobody knows', {}, 'deny'],
  ])('an allow rule with %s', (_, counts, action) => {
    const decision = decide(asked(['SELECT'], { used: used(counts) }), allow)
    expect(decision.action).toBe(action)
    expect(decision.charges).toEqual(action === 'allow' ? [[few]] : [])
  })

  test('several operations that rest on one rule are one use', () => {
    const both = policy('  - { name: few, match: { operation: SELECT|DELETE, atMost: 20/h }, action: allow }')
    expect(decide(asked(['SELECT', 'DELETE'], { used: used({ few: 0 }) }), both).charges).toEqual([[few]])
  })

  test('beside an allow rule without a rate nothing is counted', () => {
    const two = policy(
      '  - { name: few, match: { operation: SELECT, tables: [a.b], atMost: 20/h }, action: allow }\n  - { match: SELECT, action: allow }',
    )
    const select = operation('SELECT', { facts: { tables: ['a.b'] } })
    const decision = decide(call([select], { moment: { now: FRIDAY_NOON, used: used({ few: 20 }) } }), two)
    expect(decision).toMatchObject({ action: 'allow', charges: [] })
  })

  test('of two allow rules one with room is enough, and both are counted', () => {
    const two = policy(
      '  - { name: few, match: { operation: SELECT, atMost: 20/h }, action: allow }\n  - { name: daily, match: { operation: SELECT, atMost: 50/d }, action: allow }',
    )
    const decision = decide(asked(['SELECT'], { used: used({ few: 0, daily: 0 }) }), two)
    expect(decision.charges.map((entry) => entry.map(({ rule }) => rule))).toEqual([['few', 'daily']])
    expect(decide(asked(['SELECT'], { used: used({ few: 20, daily: 49 }) }), two).action).toBe('allow')
    expect(decide(asked(['SELECT'], { used: used({ few: 20, daily: 50 }) }), two).action).toBe('deny')
  })

  test('a gate that is used up denies: neither an allow rule nor another gate stands in for it', () => {
    const rules = policy(
      '  - { match: SELECT, action: allow }\n  - { name: hr, match: { operation: SELECT, schemas: [hr], atMost: 5/h }, action: require-approval }\n  - { name: wide, match: { operation: SELECT, schemas: [hr, pay] }, action: require-approval, approval: { reviewers: platform } }',
    )
    const select = operation('SELECT', { facts: { schemas: ['hr', 'public'] } })
    const at = (times: number) =>
      decide(call([select], { moment: { now: FRIDAY_NOON, used: used({ hr: times }) } }), rules)
    expect(at(4)).toMatchObject({ action: 'require-approval', approval: { reviewers: ['dba', 'platform'] } })
    expect(at(4).charges.map((entry) => entry.map(({ rule }) => rule))).toEqual([['hr']])
    expect(told(at(5))).toEqual(['deny', 'rate-used-up hr'])
  })

  test('what a floor gates is counted for the rule that allows it', () => {
    const floored = operation('SELECT', { floor: 'require-approval' })
    const decision = decide(call([floored], { moment: { now: FRIDAY_NOON, used: used({ few: 3 }) } }), allow)
    expect(decision).toMatchObject({ action: 'require-approval', charges: [[few]] })
  })

  test('a deny rule explains more than a rate that is used up', () => {
    const rules = policy(
      '  - { name: few, match: { operation: SELECT, atMost: 5/h }, action: require-approval }\n  - { name: never, match: { tables: [a.b] }, action: deny }',
    )
    const select = operation('SELECT', { facts: { tables: ['a.b'] } })
    const decision = decide(call([select], { moment: { now: FRIDAY_NOON, used: used({ few: 5 }) } }), rules)
    expect(told(decision)).toEqual(['deny', 'rule-matched never'])
  })

  test('more uses never open anything', () => {
    const rules = policiesOf([
      'policy: db-maintenance-agents\nconnection: prod-maintenance\nrules:\n  - { name: a, match: { operation: SELECT, atMost: 3/h }, action: allow }\n  - { name: c, match: { operation: DELETE, atMost: 2/h }, action: allow }',
      'policy: guard\nsubjects: { groups: [db-maintenance-agents] }\nconnection: prod-maintenance\nrules:\n  - { name: b, match: { operation: SELECT, atMost: 5/h }, action: require-approval }',
    ])
    const counted = ({ a, b, c }: { a: number; b: number; c: number }) => new Map([...used({ a, c }), ['guard/b', b]])
    const rank = ({ action }: Decision) => ['allow', 'require-approval', 'deny'].indexOf(action)
    const counts = fc.record({ a: fc.nat(6), b: fc.nat(6), c: fc.nat(6) })
    fc.assert(
      fc.property(fc.subarray(['SELECT', 'DELETE'], { minLength: 1 }), counts, counts, (names, before, more) => {
        const after = { a: before.a + more.a, b: before.b + more.b, c: before.c + more.c }
        const [first, then] = [before, after].map((now) => decide(asked(names, { used: counted(now) }), rules))
        return first !== undefined && then !== undefined && rank(then) >= rank(first)
      }),
    )
  })
})

describe('kinds of callers and labels', () => {
  const rules = policy(
    '  - { name: people, match: { operation: SELECT, kinds: [user] }, action: allow }\n  - { name: staging, match: { operation: DELETE, labels: { env: staging } }, action: allow }\n  - { name: robots, match: { operation: INSERT, kinds: [app] }, action: deny }\n  - { match: INSERT, action: allow }',
    'policy: db-maintenance-agents\nconnections: [prod-maintenance, staging]',
  )
  const staging = { connection: { name: 'staging', labels: { env: 'staging' } } }

  test.each([
    ['the kind that a rule names', call(['SELECT'], { caller: caller({ kind: 'user' }) }), 'allow'],
    ['another kind', call(['SELECT'], { caller: caller({ kind: 'agent' }) }), 'deny'],
    ['a label that the connection has', call(['DELETE'], staging), 'allow'],
    ['a label that it does not have', call(['DELETE']), 'deny'],
    ['a deny rule for the kind', call(['INSERT'], { caller: caller({ kind: 'app' }) }), 'deny'],
    ['a deny rule for another kind', call(['INSERT'], { caller: caller({ kind: 'user' }) }), 'allow'],
  ])('%s', (_, asking, action) => {
    expect(decide(asking, rules).action).toBe(action)
  })
})

describe('what is shown', () => {
  const rules = policy(
    `  - { name: office, match: { operation: SELECT, during: ${HOURS}, atMost: 20/h }, action: allow }\n  - { match: { operation: DELETE, kinds: [user] }, action: allow }\n  - { match: { during: "sat 00:00-24:00 UTC" }, action: deny }`,
  )

  test('explain names the hours and the rate that are in the way, and decides as a call is decided', () => {
    const closed = explain(asked(['SELECT'], { now: FRIDAY_NIGHT, used: used({ office: 0 }) }), rules)
    expect(closed.action).toBe('deny')
    expect(closed.operations[0]?.rules[0]).toMatchObject({ match: 'no', mismatch: expect.stringContaining('next at') })
    const spent = explain(asked(['SELECT'], { used: used({ office: 20 }) }), rules)
    expect(spent.operations[0]?.rules[0]).toMatchObject({
      match: 'no',
      mismatch: expect.stringContaining('at most 20/h'),
    })
  })

  test('a connection stays listed outside the hours, with the hours and the rate; what is for others is not', () => {
    const connection = { name: 'prod-maintenance', type: 'postgres', labels: { env: 'prod' } }
    expect(reachable(caller({ kind: 'agent' }), [connection], [sqlTool], rules)[0]?.tools).toEqual([
      {
        tool: 'run_sql',
        operations: [{ operation: 'SELECT', action: 'allow', when: { during: [HOURS], atMost: '20/h' } }],
      },
    ])
  })

  test('the version of a policy changes with its hours, rates, kinds and labels, and not with the order of hours', () => {
    const version = (match: string) => policy(`  - { match: { operation: SELECT${match} }, action: allow }`).version
    const versions = [
      '',
      ', during: mon 08:00-18:00 UTC',
      ', during: mon 08:00-18:01 UTC',
      ', atMost: 20/h',
      ', atMost: 21/h',
      ', kinds: [user]',
      ', labels: { env: prod }',
    ].map(version)
    expect(new Set(versions).size).toBe(versions.length)
    expect(version(', during: [mon 08:00-18:00 UTC, tue 08:00-18:00 UTC]')).toBe(
      version(', during: [tue 08:00-18:00   UTC, mon 08:00-18:00 UTC]'),
    )
  })
})
