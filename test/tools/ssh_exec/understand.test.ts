import { describe, expect, test } from 'vitest'
import { sshConnection } from '../../../src/tools/ssh_exec/settings.ts'
import { createSshExec } from '../../../src/tools/ssh_exec/tool.ts'
import type { ToolArguments } from '../../../src/tools/tool.ts'

const PIN = `SHA256:${'A'.repeat(43)}`
const minimal = { type: 'ssh', host: 'web-1.internal', user: 'gate', password: { env: 'X' }, hostKey: PIN }

const { tool, lookUpOutcome } = createSshExec({
  readSecret: async () => 'canary-password',
  alsoSecret: () => undefined,
  connections: () => ({ 'web-1': sshConnection.parse(minimal) }),
})
const understand = (args: Record<string, unknown>) =>
  tool.understand({ connection: 'web-1', ...args } as ToolArguments, 'web-1', new AbortController().signal)

describe('what reviewers and the digest get', () => {
  test('the line that was judged, with quotes where they are needed', async () => {
    const { request, judged, target } = await understand({ command: `grep  "a b" /var/log/syslog|wc -l`, stdin: 'in' })
    expect(request[0]).toMatchObject({ name: 'command', text: "grep 'a b' /var/log/syslog | wc -l", language: 'shell' })
    expect(request[1]).toMatchObject({ name: 'stdin', text: 'in' })
    expect(judged).toEqual({ sent: "'grep' 'a b' '/var/log/syslog' | 'wc' '-l'", stdin: 'in', effect: 'read' })
    expect(target).toEqual({
      connection: 'web-1',
      host: 'web-1.internal',
      port: 22,
      user: 'gate',
      hostKey: [PIN],
      timeoutMs: 60_000,
    })
  })

  test('argv and the same line are the same call', async () => {
    const [one, other] = [await understand({ argv: ['echo', "it's"] }), await understand({ command: `echo "it's"` })]
    expect(one.judged).toEqual(other.judged)
    expect(one.request).toEqual(other.request)
  })

  test('a complex line whole, as it was written', async () => {
    const text = 'for f in /var/log/*.gz; do\n  rm "$f"\ndone'
    const { request, judged, effect } = await understand({ command: text })
    expect(request[0]?.text).toBe(text)
    expect(judged).toEqual({ sent: text, stdin: '', effect: 'write' })
    expect(effect).toBe('write')
  })

  test('words are looked at for secrets, but code never hides as one', async () => {
    const plain = await understand({ argv: ['touch', '/x', 'a b'] })
    expect(plain.request[0]?.literals.map(({ start, end }) => plain.request[0]?.text.slice(start, end))).toEqual([
      '/x',
      "'a b'",
    ])
    for (const args of [{ argv: ['sh', '-c', 'id'] }, { command: 'echo $(id)' }, { argv: ['sh'], stdin: 'id' }]) {
      const { request } = await understand(args)
      expect(request.flatMap(({ literals }) => literals)).toEqual([])
    }
  })

  test('a lost outcome cannot be looked up at a host', async () => {
    expect(await lookUpOutcome('web-1', { run: 'x' })).toBe('unknown')
  })

  test('a connection that is not there', async () => {
    await expect(
      tool.understand({ connection: 'x', command: 'uptime' }, 'x', new AbortController().signal),
    ).rejects.toMatchObject({
      code: 'ERR_CONNECTION_UNKNOWN',
    })
  })
})

describe('settings', () => {
  test('a minimal connection has a limit, a cap and few sessions', () => {
    expect(sshConnection.parse(minimal)).toMatchObject({
      port: 22,
      limits: { timeout: 60_000, maxBytes: 1024 ** 2, maxSessions: 4 },
      labels: {},
    })
  })
  test.each<[string, Record<string, unknown>]>([
    ['no host key', { hostKey: undefined }],
    ['both kinds of host key', { knownHosts: { file: '/x' } }],
    ['an MD5 fingerprint', { hostKey: 'MD5:aa:bb' }],
    ['a short fingerprint', { hostKey: 'SHA256:AAAA' }],
    ['an empty list of host keys', { hostKey: [] }],
    ['no credential', { password: undefined }],
    ['two credentials', { privateKey: { file: '/x' } }],
    ['a passphrase without a key', { passphrase: { env: 'X' } }],
    ['a password in the file itself', { password: 'hunter2' }],
    ['an agent', { agent: '/tmp/agent.sock' }],
    ['a host that is an option', { host: '-oProxyCommand=x' }],
    ['an account that is an option', { user: '-x' }],
    ['a time without a unit', { limits: { timeout: 60 } }],
  ])('%s stops the start', (_, overlay) => {
    expect(sshConnection.safeParse({ ...minimal, ...overlay }).success).toBe(false)
  })
})
