import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Action, ApprovalTerms, Operation } from '../../src/call.ts'
import { decide, strictest } from '../../src/policy/decide.ts'
import { explain } from '../../src/policy/explain.ts'
import { isStricter } from '../../src/policy/isStricter.ts'
import type { Condition, Policy, PolicySet, Rule } from '../../src/policy/policySet.ts'
import { reachable } from '../../src/policy/reachable.ts'
import { sqlTool } from './judgedTools.ts'
import { AGENTS, call, caller } from './policies.ts'

const tables = fc.subarray(['a', 'b', 'c'], { minLength: 1 })
const operationName = fc.constantFrom('SELECT', 'DELETE', 'function:s.f', 'function:s.g', 'cascade:a')
const pattern = fc.oneof(operationName, fc.constantFrom('function:*', 'function:s.*', 'cascade:*'))
const matchTables = sqlTool.match.tables?.matches ?? (() => false)

const rule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.constantFrom<Action>('allow', 'require-approval', 'deny'),
    operations: fc.array(pattern, { minLength: 1, maxLength: 3 }),
    tables: fc.option(tables, { nil: undefined }),
    reviewers: fc.option(fc.subarray(['dba', 'platform'], { minLength: 1 }), { nil: undefined }),
    maxRows: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  })
  .map(({ action, operations, tables: wanted, reviewers, maxRows }) => {
    const conditions: Condition[] = wanted === undefined ? [] : [{ key: 'tables', wanted, matches: matchTables }]
    return {
      name: 'r',
      action,
      operations,
      conditions: new Map([['run_sql', conditions]]),
      approval: { reviewers, ttlMs: undefined, preview: 'wanted', maxRows, reason: 'optional' },
      circumstances: {},
      message: undefined,
      place: { file: 'p.yaml', line: 1, column: 1 },
    }
  })

const nobody = { groups: [], apps: [], roles: [], callers: [], anyone: false, kinds: undefined, providers: undefined }

const policy: fc.Arbitrary<Policy> = fc
  .record({ rules: fc.array(rule, { maxLength: 5 }), grouped: fc.boolean() })
  .map(({ rules, grouped }) => ({
    name: 'p',
    subjects: grouped ? { ...nobody, groups: [{ alias: 'g', id: AGENTS }] } : { ...nobody, anyone: true },
    connections: [{ name: 'prod-maintenance' }],
    rules,
    record: false,
    place: { file: 'p.yaml', line: 1, column: 1 },
  }))

const operation: fc.Arbitrary<Operation> = fc
  .record({
    operation: operationName,
    tables: fc.subarray(['a', 'b', 'c']),
    floor: fc.constantFrom(undefined, undefined, 'deny' as const, 'require-approval' as const),
  })
  .map(({ operation: name, tables: used, floor }) => ({
    operation: name,
    otherwise: name.includes(':') ? 'require-approval' : 'deny',
    facts: { tables: used },
    ...(floor === undefined ? {} : { floor }),
  }))

const policies = fc.array(policy, { maxLength: 3 })
const operations = fc.array(operation, { maxLength: 4 })
const groups = fc.constantFrom<ReturnType<typeof caller>['groups']>(
  { known: true, ids: [AGENTS] },
  { known: true, ids: [] },
  { known: false, why: 'overage' },
)
const setOf = (list: readonly Policy[]): PolicySet => ({
  version: 'v',
  policies: list,
  defaultReviewers: ['dba'],
  rated: [],
  warnings: [],
})
const rank = (action: Action) => ['allow', 'require-approval', 'deny'].indexOf(action)
const judged = (given: readonly Operation[], who: ReturnType<typeof caller>['groups']) =>
  call(given, { caller: caller({ groups: who }) })

test('the order of policies, rules and operations never changes the answer', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      const turned = list.map((one) => ({ ...one, rules: [...one.rules].reverse() })).reverse()
      const before = decide(judged(given, who), setOf(list))
      const after = decide(judged([...given].reverse(), who), setOf(turned))
      expect([after.action, after.approval]).toEqual([before.action, before.approval])
    }),
    { numRuns: 2000 },
  )
})

test('adding a deny rule never loosens an answer', () => {
  fc.assert(
    fc.property(policies, rule, operations, groups, fc.boolean(), (list, added, given, who, grouped) => {
      const deny: Policy = {
        name: 'd',
        subjects: grouped ? { ...nobody, groups: [{ alias: 'g', id: AGENTS }] } : { ...nobody, anyone: true },
        connections: [{ name: 'prod-maintenance' }],
        rules: [{ ...added, action: 'deny' }],
        record: false,
        place: { file: 'd.yaml', line: 1, column: 1 },
      }
      const before = decide(judged(given, who), setOf(list))
      const after = decide(judged(given, who), setOf([...list, deny]))
      expect(rank(after.action)).toBeGreaterThanOrEqual(rank(before.action))
    }),
    { numRuns: 2000 },
  )
})

test('knowing less about the groups of a caller never loosens an answer', () => {
  fc.assert(
    fc.property(policies, operations, (list, given) => {
      const answer = (who: ReturnType<typeof caller>['groups']) => decide(judged(given, who), setOf(list)).action
      const unknown = rank(answer({ known: false, why: 'overage' }))
      expect(unknown).toBeGreaterThanOrEqual(Math.max(rank(answer({ known: true, ids: [] })), 0))
    }),
    { numRuns: 2000 },
  )
})

test('without an opening rule for something the caller asked for, nothing runs, approved or not', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      const decision = decide(judged(given, who), setOf(list))
      if (decision.action === 'deny') return
      const opened = decision.verdicts.filter(({ policy: by }) => by !== undefined)
      expect(opened.length).toBeGreaterThan(0)
      for (const { operation: judgedOperation, reason } of decision.verdicts) {
        if (judgedOperation.otherwise === 'deny') expect(['rule-matched', 'floor']).toContain(reason)
        expect(judgedOperation.floor).not.toBe('deny')
        if (judgedOperation.floor === 'require-approval') expect(decision.action).toBe('require-approval')
      }
    }),
    { numRuns: 2000 },
  )
})

test('a call is as strict as its strictest operation, and explain says the same', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      const decision = decide(judged(given, who), setOf(list))
      expect(decision.action).toBe(strictest(decision.verdicts.map(({ action }) => action)))
      const explained = explain(judged(given, who), setOf(list))
      expect(explained.operations.map(({ action }) => action)).toEqual(decision.verdicts.map(({ action }) => action))
      expect([explained.action, explained.approval]).toEqual([decision.action, decision.approval])
    }),
    { numRuns: 500 },
  )
})

test('what a call may do is in the list of what its caller can reach', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      if (decide(judged(given, who), setOf(list)).action === 'deny') return
      const connections = [{ name: 'prod-maintenance', type: 'postgres', labels: {} }]
      expect(reachable(caller({ groups: who }), connections, [sqlTool], setOf(list))).toHaveLength(1)
    }),
    { numRuns: 1000 },
  )
})

test('the merged terms are at least as strict as those of every rule that gates the call', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      const terms: ApprovalTerms | undefined = decide(judged(given, who), setOf(list)).approval
      if (terms === undefined) return
      for (const one of given) {
        const { approval } = decide(judged([one], who), setOf(list))
        if (approval === undefined) continue
        for (const set of approval.reviewers) expect(terms.reviewers).toContain(set)
        expect(terms.maxRows ?? Infinity).toBeLessThanOrEqual(approval.maxRows ?? Infinity)
      }
    }),
    { numRuns: 1000 },
  )
})

test('no decision is stricter than itself, and adding a deny rule is never seen as a relief', () => {
  fc.assert(
    fc.property(policies, operations, groups, (list, given, who) => {
      const decision = decide(judged(given, who), setOf(list))
      expect(isStricter(decision, decision)).toBe(false)
    }),
    { numRuns: 500 },
  )
})
