import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { SecretReference } from '../../../src/settings/secretReference.ts'
import { createSshHosts, type HostCall, type SshHosts } from '../../../src/tools/ssh_exec/session/sshHosts.ts'
import { type SshConnection, sshConnection } from '../../../src/tools/ssh_exec/settings.ts'
import {
  generateKey,
  type RecordingServer,
  type RecordingServerOptions,
  startRecordingServer,
} from './recordingServer.ts'

const PASSWORD = 'canary-password-of-the-connection'
const OTHER_KEY = `SHA256:${'B'.repeat(43)}`
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(options?: RecordingServerOptions): Promise<RecordingServer> {
  const server = await startRecordingServer(options)
  closing.push(() => server.close())
  return server
}

interface Opened {
  readonly hosts: SshHosts
  readonly secrets: Record<string, string>
  readonly learned: string[]
  connections: Record<string, SshConnection>
}

function open(port: number, overlay: Readonly<Record<string, unknown>>): Opened {
  const secrets: Record<string, string> = { PASSWORD, KEY: generateKey() }
  const learned: string[] = []
  const settings = sshConnection.parse({ type: 'ssh', host: '127.0.0.1', port, user: 'gate', ...overlay })
  const opened = { connections: { 'web-1': settings } as Record<string, SshConnection> }
  const hosts = createSshHosts({
    readSecret: async (reference: SecretReference) => secrets['env' in reference ? reference.env : ''] ?? '',
    alsoSecret: (value) => learned.push(value),
    connections: () => opened.connections,
  })
  closing.push(() => hosts.close())
  return Object.assign(opened, { hosts, secrets, learned })
}

const run = ({ hosts }: Opened, call: Partial<HostCall> = {}) =>
  hosts.run('web-1', hosts.settings('web-1'), {
    sent: "'uptime'",
    stdin: '',
    effect: 'read',
    signal: new AbortController().signal,
    report: undefined,
    beforeSend: async () => undefined,
    ...call,
  })

const BY_PASSWORD = { password: { env: 'PASSWORD' } }
const BY_KEY = { privateKey: { env: 'KEY' } }

test('a host that breaks the protocol in the moment it lets the gate in ends the call, not the gateway', async () => {
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', onUncaught)
  closing.push(async () => void process.off('uncaughtException', onUncaught))
  const server = await serve({ breaksAtLogin: true })
  await expect(run(open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD }))).rejects.toMatchObject({
    code: 'ERR_TARGET_UNAVAILABLE',
  })
  expect(server.offered).toContain(`password ${PASSWORD}`)
  expect(uncaught).toEqual([])
})

describe('the host key', () => {
  test.each([
    ['a password', BY_PASSWORD],
    ['a private key', BY_KEY],
  ])('a host with another key never gets %s', async (_, credential) => {
    const server = await serve()
    await expect(run(open(server.port, { hostKey: OTHER_KEY, ...credential }))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY',
    })
    expect(server.connections).toHaveLength(1)
    expect(server.offered).toEqual([])
    expect(server.commands).toEqual([])
  })

  test('one of several pinned keys is enough, and the credential goes to it', async () => {
    const server = await serve()
    await run(open(server.port, { hostKey: [OTHER_KEY, server.fingerprint], ...BY_PASSWORD }))
    expect(server.offered).toEqual([`password ${PASSWORD}`])
  })

  test('a host that known_hosts does not name is not even asked', async () => {
    const server = await serve()
    const opened = open(server.port, { knownHosts: { env: 'KNOWN' }, ...BY_PASSWORD })
    opened.secrets.KNOWN = `127.0.0.1 ssh-ed25519 ${Buffer.from('another port').toString('base64')}\n`
    await expect(run(opened)).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY' })
    expect(server.connections).toEqual([])
  })
})

describe('the login', () => {
  test('offers the one configured credential, and asks for nothing else', async () => {
    const server = await serve()
    const { stdout } = await run(open(server.port, { hostKey: server.fingerprint, ...BY_KEY }))
    expect(stdout).toBe('answer\n')
    expect(new Set(server.offered)).toEqual(new Set(['publickey']))
    expect(server.extras).toEqual([])
  })

  test('a refused credential is read anew once, when it was exchanged meanwhile', async () => {
    const server = await serve({ accepts: (context) => context.method === 'password' && context.password === 'new' })
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    await expect(run(opened)).rejects.toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(server.offered).toEqual([`password ${PASSWORD}`])
    const reads = ['old\n', 'new\n']
    Object.defineProperty(opened.secrets, 'PASSWORD', { get: () => reads.shift() })
    await run(opened)
    expect(server.offered.slice(1)).toEqual(['password old', 'password new'])
  })

  test('the lines of a private key are taught to the masker', async () => {
    const server = await serve()
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_KEY })
    await run(opened)
    const lines = (opened.secrets.KEY ?? '').split('\n').filter((line) => line.length >= 16 && !line.startsWith('-'))
    expect(lines.length).toBeGreaterThan(1)
    expect(opened.learned).toEqual(lines)
  })

  test('what is not a private key is a secret that cannot be read', async () => {
    const server = await serve()
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_KEY })
    opened.secrets.KEY = 'canary-that-is-no-key-at-all'
    const error = await run(opened).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'ERR_SECRET' })
    expect(JSON.stringify(error)).not.toContain('canary')
    expect(server.connections).toEqual([])
  })

  test('a peer that says nothing is given up by a caller who leaves', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closing.push(async () => void silent.close())
    const leaving = new AbortController()
    silent.once('connection', () => leaving.abort())
    const { port } = silent.address() as { port: number }
    await expect(run(open(port, { hostKey: OTHER_KEY, ...BY_KEY }), { signal: leaving.signal })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    })
  })
})

describe('a connection that breaks', () => {
  test('while a command is asked for: a read is tried once more, a change is not', async () => {
    const server = await serve({ onCommand: 'drop' })
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    await expect(run(opened)).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    expect(server.commands).toHaveLength(2)
    await expect(run(opened, { effect: 'write' })).rejects.toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
    expect(server.commands).toHaveLength(3)
  })

  test('a host that refuses to run anything has run nothing', async () => {
    const server = await serve({ onCommand: 'refuse' })
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    await expect(run(opened, { effect: 'write' })).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
  })

  test('between two calls: the next one logs in again', async () => {
    const server = await serve()
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    await run(opened)
    expect(server.offered).toHaveLength(1)
    await run(opened)
    expect(server.offered).toHaveLength(1)
    const ended = new Promise<void>((resolve) => server.connections[0]?.once('close', () => resolve()))
    server.connections[0]?.end()
    await ended
    await run(opened, { effect: 'write' })
    expect(server.offered).toHaveLength(2)
  })
})

describe('a configuration that changes', () => {
  test('a call runs at the host it was judged for, or not at all', async () => {
    const server = await serve()
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    const judgedBy = opened.hosts.settings('web-1')
    opened.connections = { 'web-1': { ...judgedBy, user: 'root' } }
    const call = { sent: "'uptime'", stdin: '', effect: 'write', signal: new AbortController().signal } as const
    await expect(
      opened.hosts.run('web-1', judgedBy, { ...call, report: undefined, beforeSend: async () => undefined }),
    ).rejects.toMatchObject({ code: 'ERR_APPROVAL_CHANGED' })
    expect(server.offered).toEqual([])
  })

  test('reconnect logs in anew, with the secret of that moment', async () => {
    const server = await serve()
    const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
    await run(opened)
    opened.secrets.PASSWORD = 'rotated'
    opened.hosts.reconnect()
    await run(opened)
    expect(server.offered).toEqual([`password ${PASSWORD}`, 'password rotated'])
  })
})

test('a line that is too long when it is quoted for the host is refused before anything is connected', async () => {
  const server = await serve()
  const opened = open(server.port, { hostKey: server.fingerprint, ...BY_PASSWORD })
  await expect(run(opened, { sent: 'x'.repeat(130_000) })).rejects.toMatchObject({ code: 'ERR_COMMAND_TEXT' })
  expect(server.connections).toEqual([])
})
