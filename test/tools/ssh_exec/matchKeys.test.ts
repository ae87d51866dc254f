import { describe, expect, test } from 'vitest'
import type { Action } from '../../../src/call.ts'
import { MATCH_KEYS } from '../../../src/tools/ssh_exec/matchKeys.ts'
import { fitsHole, type HoleKind } from '../../../src/tools/ssh_exec/patterns/holes.ts'

const command = MATCH_KEYS.command
const matches = (pattern: unknown, argv: readonly string[], action: Action = 'allow') =>
  command?.matches(command.schema.parse(pattern), argv, action)

describe('a pattern covers a command when every word is accounted for', () => {
  test.each<[unknown, string, boolean]>([
    [['uptime'], 'uptime', true],
    [['uptime'], 'uptime -p', false],
    [['uptime'], '/usr/bin/uptime', false],
    [['systemctl', 'restart', '{unit}'], 'systemctl restart nginx', true],
    [['systemctl', 'restart', '{unit}'], 'systemctl restart nginx api', false],
    [['systemctl', 'restart', '{unit}'], 'systemctl restart --now', false],
    [['systemctl', 'restart', '{unit}'], 'systemctl restart', false],
    [['cat', '{path:/var/log/**}...'], 'cat /var/log/a /var/log/b/c', true],
    [['cat', '{path:/var/log/**}...'], 'cat /var/log/a /etc/b', false],
    [['cat', '{path:/var/log/**}...'], 'cat', false],
    [['tail', { flags: ['-n {int}', '-f'] }, '{path}'], 'tail -n 5 /a', true],
    [['tail', { flags: ['-n {int}', '-f'] }, '{path}'], 'tail -f -n 5 /a', true],
    [['tail', { flags: ['-n {int}', '-f'] }, '{path}'], 'tail /a -n 5', true],
    [['tail', { flags: ['-n {int}', '-f'] }, '{path}'], 'tail -n /a', false],
    [['tail', { flags: ['-n {int}', '-f'] }, '{path}'], 'tail -n5 /a', false],
    [['tail', { flags: ['-n{int}'] }, '{path}'], 'tail -n5 /a', true],
    [['tail', { flags: ['-{int}'] }, '{path}'], 'tail -5 /a', true],
    [['tail', { flags: ['--lines={int}'] }, '{path}'], 'tail --lines=5 /a', true],
    [['tail', { flags: ['--lines={int}'] }, '{path}'], 'tail --lines 5 /a', false],
    [['tail', { flags: ['-n +{int}'] }, '{path}'], 'tail -n +5 /a', true],
    [['ls', { flags: ['-l', '-a', '-h'] }], 'ls -lah', true],
    [['ls', { flags: ['-l', '-a', '-h'] }], 'ls -laR', false],
    [['ls', { flags: ['-l', '-n {int}'] }], 'ls -ln', false],
    [['grep', { flags: ['-i'] }, '{text}', '{path}...'], 'grep -i x /a /b', true],
    [['grep', { flags: ['-i'] }, '{text}', '{path}...'], 'grep x /a -i /b', true],
    [['grep', { flags: ['-i'] }, '{text}', '{path}...'], 'grep -f /etc/shadow /a', false],
    [['grep', '--', '{text}', '{path}'], 'grep -- x /a', true],
    [['grep', { flags: ['-i'] }, '--', '{text}', '{path}'], 'grep -- x -i /a', false],
    [[['a'], ['b', '{int}']], 'b 1', true],
    [[['a'], ['b', '{int}']], 'a 1', false],
  ])('%j and "%s": %s', (pattern, line, expected) => {
    expect(matches(pattern, line.split(' '))).toBe(expected)
    expect(matches(pattern, line.split(' '), 'require-approval')).toBe(expected)
  })

  test('a pattern that could be read in many ways is still quick', () => {
    const argv = ['grep', ...Array.from({ length: 200 }, () => '/a'), '-x']
    expect(matches(['grep', '{path}...', '{text}...', '{path}...', '{text}...'], argv)).toBe(false)
  })

  test('no operation without words is covered', () => {
    expect(command?.matches([['a']], undefined, 'allow')).toBe(false)
    expect(command?.matches([['a']], 'a', 'deny')).toBe(false)
  })
})

describe('a deny rule matches when all of its words stand somewhere in the command', () => {
  test.each<[unknown, string, boolean]>([
    [['reboot'], '/usr/sbin/reboot -f', true],
    [['reboot'], 'rebooter', false],
    [['rm', '-r'], 'rm -rf /x', true],
    [['rm', '--recursive'], 'rm --recurs /x', true],
    [['rm', '-r'], 'rm /x', false],
    [['systemctl', 'restart', '{unit}'], 'systemctl --no-block restart nginx', true],
    [['systemctl', 'restart', '{unit}'], 'systemctl status nginx', false],
    [['cat', '{path:/etc/**}'], 'cat /var/log/../../etc/shadow', true],
    [['cat', '{path:/etc/**}'], 'cat /var/log/syslog', false],
    [['dd', 'of={path:/dev/**}'], 'dd if=/x of=/dev/sda', true],
    [['systemctl', '{one:mask|disable}'], 'systemctl disable nginx', true],
    [['systemctl', '{one:mask|disable}'], 'systemctl status nginx', false],
  ])('%j and "%s": %s', (pattern, line, expected) => {
    expect(matches(pattern, line.split(' '), 'deny')).toBe(expected)
  })
})

describe('holes', () => {
  test.each<[HoleKind, string | undefined, string[], string[]]>([
    ['unit', undefined, ['nginx', 'nginx.service', 'getty@tty1.service'], ['nginx*', '[a]', 'a b', '../x', '/x']],
    ['int', undefined, ['0', '5', '100'], ['1234567890', '5k', '+5', '1.5', '٣']],
    ['name', undefined, ['api', 'api-1', 'a.b_c'], ['a/b', 'a b', '.x', 'a:b', 'ä']],
    ['host', undefined, ['db.internal', '10.0.0.1', '::1', 'a'], ['a b', 'a;b', 'a/b', 'user@a', 'a..b']],
    ['path', undefined, ['/a', '/a/b', '/a/', '/'], ['a', './a', '/a/../b', '/a/./b', '/a//b', '//a', '/a\n', '/..']],
    ['path', '/var/log/**', ['/var/log', '/var/log/a/b'], ['/var/logs', '/var', '/var/log/../x', '/VAR/log/a']],
    ['path', '/var/log/*.log', ['/var/log/a.log'], ['/var/log/a/b.log', '/var/log/a.logs', '/var/log/.log/x']],
    ['path', '/srv/*/logs/**', ['/srv/a/logs/x'], ['/srv/a/b/logs/x', '/srv/a/x']],
    ['time', undefined, ['1 hour ago', '2026-11-20 09:00:00', 'today', '+5min'], ['$(id)', 'a;b', 'a\nb', '`']],
    ['text', undefined, ['anything; at $all', 'a'], []],
    ['one', 'a|b', ['a', 'b'], ['c', 'a|b', 'ab']],
    ['lines', undefined, ['5p', '1,5p', '10,$p'], ['1e', '1,5d', 'p', '1,5p;1e', '1w/x']],
    [
      'columns',
      undefined,
      ['{print}', '{print $1}', '{ print $1, $NF }'.replace('$NF', '$2')],
      ['{system("x")}', '{print > "x"}', '{print $1} END {x}', '{print | "sh"}'],
    ],
    ['fields', undefined, ['pid', 'pid,user,%cpu'], ['environ', 'pid,environ', '', 'pid=x']],
  ])('{%s} with %j', (kind, argument, fitting, others) => {
    expect(fitting.filter((word) => !fitsHole({ kind, argument }, word))).toEqual([])
    expect(['', '-x', '--', ...others].filter((word) => fitsHole({ kind, argument }, word))).toEqual([])
  })
})

describe('a pattern that could not mean what its author thinks is refused', () => {
  test.each<[unknown, RegExp]>([
    [[], /./],
    [['{name}', 'x'], /name of a command/],
    [['./x'], /name of a command/],
    [['sudo', 'systemctl', 'restart', '{unit}'], /judged apart, as wrapper:sudo/],
    [['timeout', '5', 'x'], /judged apart/],
    [['cat', '{file}'], /no hole is called \{file\}/],
    [['cat', '{path}{path}'], /at most one hole/],
    [['cat', '{path:logs/**}'], /absolute/],
    [['cat', '{int:5}'], /takes nothing after a colon/],
    [['cat', '{one}'], /needs its words/],
    [['cat', 'a{'], /at most one hole/],
    [['ls', { flags: ['l'] }], /an option/],
    [['ls', { flags: ['-n {int} {int}'] }], /an option/],
    [['ls', { flags: [] }], /./],
    [['ls', { options: ['-l'] }], /./],
  ])('%j', (pattern, message) => {
    const parsed = command?.schema.safeParse(pattern)
    expect(parsed?.success).toBe(false)
    expect(JSON.stringify(parsed?.error?.issues)).toMatch(message)
  })
})

test('a rule about sudo names accounts, one about complex lines says true', () => {
  expect(MATCH_KEYS.user?.matches(['root'], 'root', 'allow')).toBe(true)
  expect(MATCH_KEYS.user?.matches(['deploy'], 'root', 'allow')).toBe(false)
  expect(MATCH_KEYS.user?.matches(['deploy'], undefined, 'allow')).toBe(false)
  expect(MATCH_KEYS.complex?.matches(true, true, 'require-approval')).toBe(true)
  expect(MATCH_KEYS.complex?.matches(true, undefined, 'require-approval')).toBe(false)
})
