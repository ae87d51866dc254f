import { describe, expect, test } from 'vitest'
import type { Action, Fact } from '../../../src/call.ts'
import { MATCH_KEYS } from '../../../src/tools/run_sql/matchKeys.ts'

function matches(key: string, wanted: unknown, fact: Fact | undefined, action: Action): boolean | undefined {
  return MATCH_KEYS[key]?.matches(wanted, fact, action)
}

describe('what a rule for run_sql can match', () => {
  test.each([
    [['public.*'], ['public.a', 'public.b'], true, true],
    [['public.a'], ['public.a', 'public.b'], false, true],
    [['public.*'], ['public.a', 'audit.b'], false, true],
    [['audit.*'], ['public.a'], false, false],
    [['public.a'], [], true, false],
    [['public.a'], undefined, false, false],
  ] as const)('tables %j against %j: opens %s, closes %s', (wanted, fact, opens, closes) => {
    expect(matches('tables', wanted, fact, 'allow')).toBe(opens)
    expect(matches('tables', wanted, fact, 'require-approval')).toBe(opens)
    expect(matches('tables', wanted, fact, 'deny')).toBe(closes)
  })

  test.each([
    ['present', true],
    ['absent', false],
    ['constant', false],
    [undefined, false],
  ])('where: required against a WHERE that is %s: %s', (fact, wanted) => {
    expect(matches('where', 'required', fact, 'allow')).toBe(wanted)
  })

  test.each([
    ['tables', ['users'], false],
    ['tables', ['public.users'], true],
    ['tables', [], false],
    ['schemas', ['public'], true],
    ['columns', ['users.email'], false],
    ['columns', ['public.users.email'], true],
    ['where', 'optional', false],
  ])('takes %s: %j only when it is written in full: %s', (key, value, valid) => {
    expect(MATCH_KEYS[key]?.schema.safeParse(value).success).toBe(valid)
  })
})
