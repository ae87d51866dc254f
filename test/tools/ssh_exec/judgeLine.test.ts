import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { findHazard } from '../../../src/tools/ssh_exec/judge/findHazard.ts'
import { isReadOnly } from '../../../src/tools/ssh_exec/judge/isReadOnly.ts'
import { judgeComplex, judgeLine } from '../../../src/tools/ssh_exec/judge/judgeLine.ts'
import { READ_ONLY_COMMANDS } from '../../../src/tools/ssh_exec/judge/readOnlyCommands.ts'
import { unwrapCommand } from '../../../src/tools/ssh_exec/judge/unwrapCommand.ts'
import { parseLine } from '../../../src/tools/ssh_exec/line/parseLine.ts'
import { commandPatterns } from '../../../src/tools/ssh_exec/patterns/commandPattern.ts'

function judge(text: string) {
  const parsed = parseLine(text)
  if (!parsed.plain) throw new TypeError(parsed.why)
  return judgeLine(parsed.line)
}
const words = (text: string) => text.split(' ')

describe('judgeLine', () => {
  test('each command is an operation of its own', () => {
    const { operations, effect, sent } = judge('cat /var/log/syslog | grep -i error && uptime')
    expect(operations).toEqual([
      { operation: 'run', otherwise: 'deny', facts: { command: ['cat', '/var/log/syslog'] } },
      { operation: 'run', otherwise: 'deny', facts: { command: ['grep', '-i', 'error'] } },
      { operation: 'run', otherwise: 'deny', facts: { command: ['uptime'] } },
    ])
    expect(effect).toBe('read')
    expect(sent).toBe("'cat' '/var/log/syslog' | 'grep' '-i' 'error' && 'uptime'")
  })

  test('a wrapper is judged beside what it runs', () => {
    const { operations, effect } = judge('sudo -n -u deploy systemctl restart api')
    expect(operations).toEqual([
      { operation: 'run', otherwise: 'deny', facts: { command: ['systemctl', 'restart', 'api'] } },
      {
        operation: 'wrapper:sudo',
        otherwise: 'require-approval',
        because: 'systemctl runs as deploy',
        facts: { command: ['systemctl', 'restart', 'api'], user: 'deploy' },
      },
    ])
    expect(effect).toBe('write')
  })

  test('a timeout inside the line stays within reach of the one around it', () => {
    expect(judge('timeout 5 uptime').sent).toBe("'timeout' '--foreground' '5' 'uptime'")
    expect(judge('nice -n 5 timeout -k 1 5s uptime').sent).toBe(
      "'nice' '-n' '5' 'timeout' '--foreground' '-k' '1' '5s' 'uptime'",
    )
  })

  test.each([
    ['uptime', 'read'],
    ['timeout 5 uptime', 'read'],
    ['sudo uptime', 'write'],
    ['nohup uptime', 'write'],
    ['uptime; touch /x', 'write'],
    ['sort -o /x /y', 'write'],
    ['tail -f /var/log/syslog', 'write'],
  ])('%s is a %s', (text, effect) => {
    expect(judge(text).effect).toBe(effect)
  })

  test('what can run anything never runs without a person, whatever rules say', () => {
    expect(judge('python3 -c 1').operations[0]).toMatchObject({
      floor: 'require-approval',
      because: 'python3 is an interpreter',
    })
    expect(judge('sudo bash /x').operations[0]).toMatchObject({ floor: 'require-approval' })
    expect(judge('sudo --login x').operations[0]).toMatchObject({
      floor: 'require-approval',
      because: 'the options of sudo are not understood',
      facts: { command: ['sudo', '--login', 'x'] },
    })
  })

  test('a complex line is one operation, and is sent as it is', () => {
    expect(judgeComplex('echo $(id)', 'it has an expansion')).toMatchObject({
      effect: 'write',
      sent: 'echo $(id)',
      operations: [{ operation: 'complex', otherwise: 'deny', floor: 'require-approval', facts: { complex: true } }],
    })
  })
})

describe('unwrapCommand', () => {
  test.each<[string, string, string[]]>([
    ['sudo uptime', 'uptime', ['sudo']],
    ['sudo -- uptime', 'uptime', ['sudo']],
    ['sudo --user=deploy uptime', 'uptime', ['sudo']],
    ['doas -u deploy uptime', 'uptime', ['doas']],
    ['sudo nice -n 5 uptime', 'uptime', ['sudo', 'nice']],
    ['nohup uptime', 'uptime', ['nohup']],
    ['ionice -c 3 uptime', 'uptime', ['ionice']],
    ['timeout -s KILL 1.5h uptime', 'uptime', ['timeout']],
  ])('%s runs %s', (line, inner, names) => {
    const { argv, wrappers, unclear } = unwrapCommand(words(line))
    expect({ argv, names: wrappers.map(({ name }) => name), unclear }).toEqual({
      argv: words(inner),
      names,
      unclear: undefined,
    })
  })

  test.each([
    'sudo',
    'sudo -i',
    'sudo -s id',
    'sudo A=b id',
    'sudo -u id',
    'sudo -u -n id',
    'sudo -nu root id',
    'timeout id',
    'timeout 5',
    'nice -20 id',
    'nice -n -5 id',
    'sudo -E id',
    'sudo --user root --chdir=/x id',
    'sudo ./x',
  ])('%s is not understood', (line) => {
    expect(unwrapCommand(words(line)).unclear).toMatch(/are not understood$/)
  })
})

describe('the list of read-only commands', () => {
  test('is written in patterns that rules could use', () => {
    for (const pattern of READ_ONLY_COMMANDS)
      expect(commandPatterns.safeParse(pattern), JSON.stringify(pattern)).toMatchObject({ success: true })
  })

  test('the rule pack opens nothing that is not on it', () => {
    const text = readFileSync(new URL('../../../examples/policies/ssh-read-only.yaml', import.meta.url), 'utf8')
    const { rules } = parse(text) as { rules: { match: { command?: unknown[] }; action: string }[] }
    const known = new Set(READ_ONLY_COMMANDS.map((pattern) => JSON.stringify(pattern)))
    const widened = rules.flatMap(({ match }) =>
      (match.command ?? []).map((pattern) => JSON.stringify(pattern).replace(/\{(?:path:|one:\/)[^}]*\}/g, '{path}')),
    )
    const strange = widened.filter(
      (pattern) => !known.has(pattern) && !known.has(pattern.replace('"{path}"]', '"{path}..."]')),
    )
    expect(strange).toEqual([])
    expect(widened.length).toBeGreaterThan(130)
    expect(new Set(rules.map(({ action }) => action))).toEqual(new Set(['allow']))
  })

  test('what is on it has no hazard that it forgot', () => {
    expect(isReadOnly(words('find / -delete'))).toBe(false)
    expect(isReadOnly(words('ps auxe'))).toBe(false)
    expect(isReadOnly(words('ps -axe'))).toBe(false)
    expect(isReadOnly(words('ps -e -x'))).toBe(false)
    expect(isReadOnly(words('sort -o /x'))).toBe(false)
    expect(isReadOnly(words('tail -f /x'))).toBe(false)
    expect(isReadOnly(words('/bin/ls'))).toBe(false)
  })
})

describe('findHazard', () => {
  test.each([
    '/usr/bin/python3.12 x',
    'perl5.36.0',
    'mkfs.ext4 /x',
    '/usr/bin/sudo id',
    'busybox',
    'sort -ro /x',
    'tar tfI x y',
    'git -c a=b',
    'journalctl --vac',
    'find',
  ])('%s', (line) => {
    expect(findHazard(words(line))).toBeDefined()
  })
  test.each([
    'systemctl restart nginx',
    'rm /x',
    'touch /x',
    'grep -i x',
    'tar tvf /x',
    'cp /a /b',
    '/opt/bin/deploy --now',
    'mkdir -p /x',
  ])('%s has none', (line) => {
    expect(findHazard(words(line))).toBeUndefined()
  })
})
