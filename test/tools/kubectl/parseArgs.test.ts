import { describe, expect, test } from 'vitest'
import { parseArgs } from '../../../src/tools/kubectl/args/parseArgs.ts'
import { readOneTarget, readTargets } from '../../../src/tools/kubectl/args/readTargets.ts'
import { readFieldSelector, readSelector } from '../../../src/tools/kubectl/args/selector.ts'

const refused = (read: () => unknown) => {
  try {
    return JSON.stringify(read())
  } catch (error) {
    return error
  }
}
const ARGS = expect.objectContaining({ code: 'ERR_KUBECTL_ARGS' })

describe('the grammar of kubectl', () => {
  test('words and flags are told apart, wherever the flags stand', () => {
    const { verb, positionals, flags } = parseArgs(['get', '-n', 'shop', 'pods', '--output=wide', 'web-1', '-l', 'a=b'])
    expect(verb).toBe('get')
    expect(positionals).toEqual(['pods', 'web-1'])
    expect(Object.fromEntries(flags)).toEqual({ namespace: 'shop', output: 'wide', selector: 'a=b' })
  })

  test('a switch has no value, and the word after it is a word', () => {
    const { positionals, flags } = parseArgs(['get', '-A', 'pods'])
    expect(positionals).toEqual(['pods'])
    expect(flags.get('all-namespaces')).toBe(true)
  })

  test('what stands behind -- is the command of exec, flags and all', () => {
    const { command, flags } = parseArgs(['exec', 'web', '-n', 'shop', '--', 'ls', '-n', '--', '--help'])
    expect(command).toEqual(['ls', '-n', '--', '--help'])
    expect(flags.get('namespace')).toBe('shop')
  })

  test.each([
    [['get', 'pods', '-nprod']],
    [['get', 'pods', '-ojson']],
    [['get', 'pods', '-n=prod']],
    [['get', 'pods', '-n', 'a', '-n', 'b']],
    [['get', 'pods', '-n', 'a', '--namespace=b']],
    [['get', 'pods', '--namesp', 'prod']],
    [['get', 'pods', '--Namespace', 'prod']],
    [['get', 'pods', '-Aw']],
    [['get', 'pods', '-A=true']],
    [['get', 'pods', '-n']],
    [['get', 'pods', '-n', '']],
    [['get', 'pods', '-n', '-l']],
    [['get', 'pods', '-n', '*']],
    [['get', 'pods', '-n', 'a/../b']],
    [['get', 'pods', '-n', 'Prod']],
    [['get', 'pods', '-']],
    [['get', 'pods', '---n']],
    [['-n', 'prod', 'get', 'pods']],
    [['get', 'pods', '--', 'x']],
    [['get', 'secret', '-o', 'jsonpath={.data}']],
    [['get', 'pods', '\u2013n', 'prod\u200b']],
    [['get', 'po\u0000ds']],
    [['get', '\ud800']],
    [['get', 'x'.repeat(70_000)]],
    [['GET', 'pods']],
    [['get ', 'pods']],
    [['']],
    [['__proto__']],
    [['constructor']],
    [['apply', '-f', 'https://evil.example/x.yaml']],
    [['delete', 'pod', 'web', '--force']],
    [['delete', 'pod', 'web', '--grace-period=0']],
    [['logs', 'web', '-f']],
    [['scale', 'deploy/web', '--replicas=-1']],
    [['scale', 'deploy/web', '--replicas=1e3']],
  ])('%j is refused', (args) => {
    expect(refused(() => parseArgs(args))).toEqual(ARGS)
  })

  test('a refusal says what to do instead', () => {
    expect(refused(() => parseArgs(['get', 'pods', '-nprod']))).toMatchObject({
      detail: expect.stringContaining('two words'),
    })
    expect(refused(() => parseArgs(['edit', 'x']))).toMatchObject({ detail: expect.stringContaining('patch') })
    expect(refused(() => parseArgs(['apply', '-f', 'x.yaml']))).toMatchObject({
      detail: expect.stringContaining('manifest'),
    })
    expect(refused(() => parseArgs(['kubectl', 'get']))).toMatchObject({ detail: expect.stringContaining('Leave out') })
  })
})

describe('types and names', () => {
  test.each([
    [['pods'], [{ type: 'pods', names: [] }]],
    [['pods', 'a', 'b'], [{ type: 'pods', names: ['a', 'b'] }]],
    [
      ['pods,svc', 'a'],
      [
        { type: 'pods', names: ['a'] },
        { type: 'svc', names: ['a'] },
      ],
    ],
    [
      ['pod/a', 'svc/b', 'pod/c'],
      [
        { type: 'pod', names: ['a', 'c'] },
        { type: 'svc', names: ['b'] },
      ],
    ],
    [['clusterrole', 'system:node'], [{ type: 'clusterrole', names: ['system:node'] }]],
    [['deployments.v1.apps', 'a'], [{ type: 'deployments.v1.apps', names: ['a'] }]],
  ])('%j', (words, expected) => {
    expect(readTargets(words)).toEqual(expected)
  })

  test.each([
    [[]],
    [['all']],
    [['pods', '..']],
    [['pods', '.']],
    [['pods', '../secrets']],
    [['pods/../secrets']],
    [['pods/web/log']],
    [['pods/']],
    [['/web']],
    [['pods', 'web%2f..']],
    [['pods', 'a?watch=1']],
    [['pods', 'a#b']],
    [['pods', 'a b']],
    [['pods', 'a..b']],
    [['pods', 'a', 'a']],
    [['pods,pods']],
    [['pods', 'pod/a']],
    [['\u0455ecrets']],
    [['*']],
    [['pods,']],
    [Array.from({ length: 101 }, (_, i) => `pod/a${i}`)],
  ])('%j is refused', (words) => {
    expect(refused(() => readTargets(words))).toEqual(ARGS)
  })

  test('one object is one object', () => {
    expect(readOneTarget(['deploy', 'web'], 'patch')).toEqual({ type: 'deploy', name: 'web' })
    for (const words of [['deploy'], ['deploy', 'a', 'b'], ['deploy,sts', 'a'], ['deploy/a', 'sts/b']]) {
      expect(refused(() => readOneTarget(words, 'patch'))).toEqual(ARGS)
    }
  })
})

describe('selectors', () => {
  test.each([
    ['app=web', 'app=web'],
    ['b==2, a=1', 'a=1,b=2'],
    ['a in (y, x), !c ,d', '!c,a in (x,y),d'],
    ['tier notin (a,b)', 'tier notin (a,b)'],
    ['app.kubernetes.io/name=web', 'app.kubernetes.io/name=web'],
    ['a!=b', 'a!=b'],
  ])('%s has one spelling: %s', (written, canonical) => {
    expect(readSelector(written)).toBe(canonical)
  })

  test.each([
    '',
    ',',
    'a=b=c',
    'a=b&limit=1',
    'a in x',
    'a in (x',
    '=b',
    'a=b c',
    '\u0430=b',
    'a=b,',
    'a='.padEnd(3_000, 'x'),
  ])('%s is refused', (written) => {
    expect(refused(() => readSelector(written))).toEqual(ARGS)
  })

  test('fields are about where and how, never about what is inside', () => {
    expect(readFieldSelector('status.phase!=Running,metadata.name=web')).toBe('metadata.name=web,status.phase!=Running')
    for (const written of ['data.password=x', 'spec.containers=x', 'metadata.name=a&limit=5', 'type', '', 'data=']) {
      expect(refused(() => readFieldSelector(written))).toEqual(ARGS)
    }
  })
})
