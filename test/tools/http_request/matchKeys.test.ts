import { describe, expect, test } from 'vitest'
import type { Action, Json } from '../../../src/call.ts'
import { leafPointers } from '../../../src/tools/http_request/findPointers.ts'
import { MATCH_KEYS, queryFact } from '../../../src/tools/http_request/matchKeys.ts'
import { matchesPath, mayMatchPath } from '../../../src/tools/http_request/matchPath.ts'

const matches = (
  key: string,
  wanted: unknown,
  fact: Parameters<(typeof MATCH_KEYS)[string]['matches']>[1],
  action: Action,
) => MATCH_KEYS[key]?.matches(wanted, fact, action)
const isValid = (key: string, wanted: unknown) => MATCH_KEYS[key]?.schema.safeParse(wanted).success

describe('path', () => {
  test.each([
    ['/builds/**', ['/builds', '/builds/', '/builds/7', '/builds/7/log'], ['/build', '/buildsx', '/', '/x/builds']],
    ['/builds/*', ['/builds/7', '/builds/a b'], ['/builds', '/builds/', '/builds/7/log', '/builds/7/']],
    ['/builds/*/log', ['/builds/7/log'], ['/builds/log', '/builds/7/8/log', '/builds/7/log/']],
    ['/**/log', ['/log', '/a/log', '/a/b/log'], ['/a/logs', '/log/a']],
    ['/a/**/b/**/c', ['/a/b/c', '/a/x/b/y/z/c', '/a/b/b/c'], ['/a/c', '/b/c', '/a/b']],
    [
      '/job/deploy-*/build',
      ['/job/deploy-web/build'],
      ['/job/deploy/build', '/job/x-deploy-web/build', '/job/deploy-a/b/build'],
    ],
    ['/**', ['/', '/a', '/a/b/'], []],
    ['/', ['/'], ['/a']],
    ['/builds/', ['/builds/'], ['/builds', '/builds/7']],
  ])('%s opens what it names, and nothing else', (glob, named, others) => {
    for (const path of named) expect(matches('path', [glob], path, 'allow'), path).toBe(true)
    for (const path of others) expect(matches('path', glob, path, 'require-approval'), path).toBe(false)
  })

  test('what it closes is closed in every spelling', () => {
    for (const path of ['/Admin/Users', '/ADMIN', '/admin/', '/admin/x/']) {
      expect(matches('path', '/admin/**', path, 'deny'), path).toBe(true)
    }
    expect(matches('path', '/admin/**', '/Admin/Users', 'allow')).toBe(false)
    expect(matches('path', '/builds', '/builds/', 'deny')).toBe(true)
    expect(matches('path', '/builds', '/builds/', 'allow')).toBe(false)
  })

  test('a glob that no path can match, or that only seems to cover more, does not load', () => {
    for (const glob of ['builds', '', '/a//b', '/a/../b', '/%41', '/a/**b', '/a?b', '/a;b', '/***']) {
      expect(isValid('path', glob), glob).toBe(false)
    }
    for (const glob of ['/', '/**', '/a/*/b', '/job/my job/build', '/a.b*'])
      expect(isValid('path', [glob]), glob).toBe(true)
  })

  test('no glob takes exponential time: this test ends', () => {
    const path = `/${'a/'.repeat(2_000)}b`
    expect(matchesPath(`${'/**/a'.repeat(200)}/c`, path)).toBe(false)
    expect(mayMatchPath(`/${'*a'.repeat(500)}`, `/${'a'.repeat(4_000)}b`)).toBe(false)
  })
})

describe('query', () => {
  const fact = (...pairs: [string, string][]) => queryFact(pairs)

  test('every key must be listed, and every value must match', () => {
    const rule = { ref: ['main', 'release/*'], 'page?': '*' }
    expect(matches('query', rule, fact(['ref', 'main']), 'allow')).toBe(true)
    expect(matches('query', rule, fact(['ref', 'release/1'], ['page', '2']), 'allow')).toBe(true)
    expect(matches('query', rule, fact(['ref', 'main'], ['ref', 'prod']), 'allow')).toBe(false)
    expect(matches('query', rule, fact(['ref', 'main'], ['REF', 'prod']), 'allow')).toBe(false)
    expect(matches('query', rule, fact(['ref', 'main'], ['force', 'true']), 'allow')).toBe(false)
    expect(matches('query', rule, fact(['Ref', 'main']), 'allow')).toBe(false)
  })

  test('a key without ? must be there', () => {
    expect(matches('query', { dry_run: 'true' }, fact(), 'allow')).toBe(false)
    expect(matches('query', { 'page?': '*' }, fact(), 'allow')).toBe(true)
    expect(matches('query', {}, fact(), 'allow')).toBe(true)
    expect(matches('query', {}, fact(['a', '']), 'allow')).toBe(false)
  })

  test('any value in any spelling is enough for a rule that closes', () => {
    const rule = { env: 'prod*' }
    for (const pair of [
      ['env', 'prod'],
      ['ENV', 'Production'],
      ['env[]', 'prod'],
      ['env[0]', 'prod'],
    ] as [string, string][]) {
      expect(matches('query', rule, fact(['a', 'b'], pair), 'deny'), pair.join('=')).toBe(true)
    }
    expect(matches('query', rule, fact(['env', 'staging']), 'deny')).toBe(false)
    expect(matches('query', rule, fact(), 'deny')).toBe(false)
    expect(matches('query', {}, fact(['env', 'staging']), 'deny')).toBe(true)
  })

  test('a rule that closes speaks about calls that have all of what it lists', () => {
    const rule = { env: 'prod', version: '7*', 'page?': '*' }
    expect(matches('query', rule, fact(['env', 'PROD'], ['version', '7.1'], ['other', 'x']), 'deny')).toBe(true)
    expect(matches('query', rule, fact(['env', 'staging'], ['version', '7.1'], ['page', '1']), 'deny')).toBe(false)
    const body = { '/ref': 'main', '/env': 'prod' }
    expect(matches('bodyMatches', body, '{"ref":"main","env":"staging"}', 'deny')).toBe(false)
    expect(matches('bodyMatches', body, '{"ref":"main","env":"staging","Env":"prod"}', 'deny')).toBe(true)
  })

  test('a key with = in it is not another key', () => {
    expect(matches('query', { a: '*' }, fact(['a=b', 'c']), 'allow')).toBe(false)
    expect(matches('query', { 'a=b': 'c' }, fact(['a=b', 'c']), 'allow')).toBe(true)
    expect(matches('query', { 'a%3Db': 'c' }, fact(['a=b', 'c']), 'allow')).toBe(false)
  })
})

describe('bodyMatches', () => {
  const rule = { '/ref': ['main', 'develop'], '/inputs/environment': 'staging' }
  const body = (value: unknown) => JSON.stringify(value)

  test('every pointer must have one of its values', () => {
    expect(matches('bodyMatches', rule, body({ ref: 'main', inputs: { environment: 'staging', x: 1 } }), 'allow')).toBe(
      true,
    )
    expect(matches('bodyMatches', rule, body({ ref: 'main', inputs: { environment: 'prod' } }), 'allow')).toBe(false)
    expect(matches('bodyMatches', rule, body({ ref: 'main' }), 'allow')).toBe(false)
    expect(matches('bodyMatches', rule, body({ ref: ['main'], inputs: { environment: 'staging' } }), 'allow')).toBe(
      false,
    )
    expect(matches('bodyMatches', { '/n': 1 }, body({ n: '1' }), 'allow')).toBe(false)
    expect(matches('bodyMatches', { '/n': null }, body({ n: null }), 'allow')).toBe(true)
  })

  test('a second spelling of a key cannot carry another value', () => {
    const twice = { ref: 'main', inputs: { environment: 'staging', Environment: 'prod' } }
    expect(matches('bodyMatches', rule, body(twice), 'allow')).toBe(false)
    const folded = { ref: 'main', inputs: { environment: 'staging' }, Inputs: { environment: 'prod' } }
    expect(matches('bodyMatches', rule, body(folded), 'allow')).toBe(false)
  })

  test('what has no JSON body covers nothing; a body that nobody can look into may be what a rule closes', () => {
    expect(matches('bodyMatches', rule, undefined, 'allow')).toBe(false)
    expect(matches('bodyMatches', rule, 'environment=prod', 'allow')).toBe(false)
    expect(matches('bodyMatches', { '/a': 'b' }, 'a=b', 'deny')).toBe(true)
    expect(matches('bodyMatches', { '/a': 'b' }, undefined, 'deny')).toBe(false)
  })

  test('a rule that closes sees through case, types and lists of one', () => {
    for (const value of [
      { env: 'prod' },
      { ENV: 'PROD' },
      { env: ['prod'] },
      { Env: [['Prod']] },
      { env: 'staging', Env: 'prod' },
    ]) {
      expect(matches('bodyMatches', { '/env': 'prod' }, body(value), 'deny'), body(value)).toBe(true)
    }
    expect(matches('bodyMatches', { '/force': true }, body({ force: 'true' }), 'deny')).toBe(true)
    expect(matches('bodyMatches', { '/env': 'prod' }, body({ env: 'staging' }), 'deny')).toBe(false)
  })

  test('pointers are pointers', () => {
    expect(isValid('bodyMatches', { ref: 'main' })).toBe(false)
    expect(isValid('bodyMatches', { '/a~2': 'main' })).toBe(false)
    expect(isValid('bodyMatches', {})).toBe(false)
    expect(isValid('bodyMatches', { '/a~1b/0': ['x', 1, true, null] })).toBe(true)
    expect(matches('bodyMatches', { '/a~1b/0': 'x' }, body({ 'a/b': ['x'] }), 'allow')).toBe(true)
    expect(matches('bodyMatches', { '/__proto__/x': 'y' }, body({}), 'allow')).toBe(false)
    expect(matches('bodyMatches', { '/length': 0 }, body([]), 'allow')).toBe(false)
  })
})

describe('bodyKeys', () => {
  const keysOf = (value: Json) => leafPointers(value, 1_000)

  test('nothing but what is listed may be in the body', () => {
    const rule = ['/ref', '/inputs/environment', '/list/*/id']
    expect(matches('bodyKeys', rule, keysOf({ ref: 'main', inputs: { environment: 'x' } }), 'allow')).toBe(true)
    expect(matches('bodyKeys', rule, keysOf({ ref: { deep: [1] } }), 'allow')).toBe(true)
    expect(matches('bodyKeys', rule, keysOf({ list: [{ id: 1 }, { id: 2 }] }), 'allow')).toBe(true)
    expect(matches('bodyKeys', rule, [], 'allow')).toBe(true)
    for (const value of [
      { other: 1 },
      { Ref: 'x' },
      { inputs: 'x' },
      { inputs: {} },
      {},
      [],
      'x',
      { list: [{ id: 1 }, { x: 1 }] },
      { refs: 1 },
    ]) {
      expect(matches('bodyKeys', rule, keysOf(value as Json), 'allow'), JSON.stringify(value)).toBe(false)
    }
    expect(matches('bodyKeys', [], [], 'allow')).toBe(true)
    expect(matches('bodyKeys', [], keysOf({}), 'allow')).toBe(false)
    expect(matches('bodyKeys', ['/a'], '(text)', 'allow')).toBe(false)
  })

  test('one that is listed is enough for a rule that closes', () => {
    const rule = ['/stagesToSkip', '/x/y']
    for (const value of [{ stagesToSkip: ['a'] }, { StagesToSkip: [] }, { a: 1, x: { Y: { z: 1 } } }]) {
      expect(matches('bodyKeys', rule, keysOf(value as Json), 'deny'), JSON.stringify(value)).toBe(true)
    }
    expect(matches('bodyKeys', rule, keysOf({ a: 1, x: { z: 1 } }), 'deny')).toBe(false)
    expect(matches('bodyKeys', rule, '(text)', 'deny')).toBe(true)
    expect(matches('bodyKeys', rule, [], 'deny')).toBe(false)
    expect(matches('bodyKeys', [], [], 'deny')).toBe(true)
  })
})

test('method is one of a list', () => {
  expect(matches('method', ['GET', 'HEAD'], 'GET', 'allow')).toBe(true)
  expect(matches('method', 'GET', 'POST', 'allow')).toBe(false)
  expect(isValid('method', 'TRACE')).toBe(false)
})
