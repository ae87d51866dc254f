import { describe, expect, test } from 'vitest'
import type { Action } from '../../../src/call.ts'
import { operationOf } from '../../../src/tools/kubectl/judge/operations.ts'
import { MATCH_KEYS } from '../../../src/tools/kubectl/matchKeys.ts'

const pods = { group: '', name: 'pods', namespaced: true }
const namespaces = { group: '', name: 'namespaces', namespaced: false }
const matches = (key: string, wanted: unknown, operation: ReturnType<typeof operationOf>, action: Action) =>
  MATCH_KEYS[key]?.matches(wanted, operation.facts[key], action)

describe('what a rule for kubectl can name', () => {
  test('a rule on namespaces never opens all namespaces, whatever globs it has', () => {
    const all = operationOf('list', { resource: pods, namespace: undefined, names: [] })
    for (const wanted of [['shop'], ['shop', 'dev'], ['s*'], ['*-dev'], ['(cluster)']]) {
      expect(matches('namespace', wanted, all, 'allow')).toBe(false)
      expect(matches('namespace', wanted, all, 'require-approval')).toBe(false)
      expect(matches('namespace', wanted, all, 'deny')).toBe(true)
    }
    expect(matches('namespace', ['*'], all, 'allow')).toBe(true)
  })

  test('objects that are shown under two groups are closed by either name, and opened by both', () => {
    const events = { group: 'events.k8s.io', name: 'events', namespaced: true }
    const list = operationOf('list', { resource: events, namespace: 'shop', names: [] })
    expect(matches('resource', ['events'], list, 'deny')).toBe(true)
    expect(matches('resource', ['events.k8s.io/*'], list, 'deny')).toBe(true)
    expect(matches('resource', ['events'], list, 'allow')).toBe(false)
    expect(matches('resource', ['events', 'events.k8s.io/events'], list, 'allow')).toBe(true)
  })

  test('a rule on names never opens what has no name, and one that protects a name holds for all', () => {
    const all = operationOf('list', { resource: pods, namespace: 'shop', names: [] })
    expect(matches('name', ['web-*'], all, 'allow')).toBe(false)
    expect(matches('name', ['db'], all, 'deny')).toBe(true)
    const two = operationOf('get', { resource: pods, namespace: 'shop', names: ['web-1', 'db'] })
    expect(matches('name', ['web-*'], two, 'allow')).toBe(false)
    expect(matches('name', ['web-*', 'db'], two, 'allow')).toBe(true)
    expect(matches('name', ['db'], two, 'deny')).toBe(true)
  })

  test('a type without namespaces is in none, and to change a namespace is to touch it', () => {
    const read = operationOf('get', { resource: namespaces, namespace: undefined, names: ['shop'] })
    const change = operationOf('delete', { resource: namespaces, namespace: undefined, names: ['shop'] }, true)
    expect(matches('namespace', ['shop'], read, 'allow')).toBe(false)
    expect(matches('namespace', ['shop'], change, 'allow')).toBe(false)
    expect(matches('namespace', ['shop'], change, 'deny')).toBe(true)
    expect(matches('namespace', ['(cluster)'], read, 'allow')).toBe(true)
    expect(matches('namespace', ['(cluster)', 'shop'], change, 'allow')).toBe(true)
  })

  test('types are named with their group', () => {
    const deployment = operationOf('get', {
      resource: { group: 'apps', name: 'deployments', namespaced: true },
      namespace: 'a',
      names: [],
    })
    expect(matches('resource', ['apps/*'], deployment, 'allow')).toBe(true)
    expect(matches('resource', ['deployments'], deployment, 'allow')).toBe(false)
    expect(matches('verb', ['get'], deployment, 'allow')).toBe(true)
  })

  test('a selector is compared whole', () => {
    const selected = operationOf('delete', { resource: pods, namespace: 'a', names: ['x'], selector: 'app=web' }, true)
    expect(matches('selector', ['app=web'], selected, 'allow')).toBe(true)
    expect(matches('selector', ['app=we'], selected, 'allow')).toBe(false)
    expect(
      matches(
        'selector',
        ['app=web'],
        operationOf('delete', { resource: pods, namespace: 'a', names: ['x'] }),
        'allow',
      ),
    ).toBe(false)
  })

  test('a command is matched word by word', () => {
    const exec = (command: string[]) => operationOf('exec', { resource: pods, namespace: 'a', names: ['x'], command })
    const pattern = ['cat', '{path:/var/log/**}']
    expect(matches('command', pattern, exec(['cat', '/var/log/app/x.log']), 'allow')).toBe(true)
    for (const command of [
      ['cat', '/var/log/../../etc/shadow'],
      ['cat', '/var/log/a', '/etc/shadow'],
      ['cat'],
      ['sh', '-c', 'cat /var/log/a'],
    ]) {
      expect(matches('command', pattern, exec(command), 'allow')).toBe(false)
    }
  })

  test.each([
    ['namespace', ['../x']],
    ['namespace', []],
    ['resource', ['pods/web/log']],
    ['verb', ['proxy']],
    ['command', 'cat /etc/passwd'],
  ])('%s cannot be %j', (key, written) => {
    expect(MATCH_KEYS[key]?.schema.safeParse(written).success).toBe(false)
  })
})
