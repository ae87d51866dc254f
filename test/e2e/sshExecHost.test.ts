import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSshHosts, type HostCall, type SshHosts } from '../../src/tools/ssh_exec/session/sshHosts.ts'
import { type SshConnection, sshConnection } from '../../src/tools/ssh_exec/settings.ts'
import { type SshServer, startSshServer } from './sshServer.ts'

let server: SshServer
let hosts: SshHosts
let settings: SshConnection

beforeAll(async () => {
  server = await startSshServer()
  settings = sshConnection.parse({
    type: 'ssh',
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    privateKey: { file: server.keyFile },
    hostKey: server.fingerprint,
    limits: { timeout: '20s' },
  })
  hosts = createSshHosts({
    readSecret: async (reference) => ('file' in reference ? await readFile(reference.file, 'utf8') : ''),
    alsoSecret: () => undefined,
    connections: () => ({ 'web-1': settings }),
  })
})
afterAll(async () => {
  await hosts?.close()
  await server?.stop()
})

const run = (sent: string, call: Partial<HostCall> = {}) =>
  hosts.run('web-1', hosts.settings('web-1'), {
    sent,
    stdin: '',
    effect: 'read',
    signal: new AbortController().signal,
    report: undefined,
    beforeSend: async () => undefined,
    ...call,
  })

describe('a command on a real OpenSSH server', () => {
  test('answers with its streams and its exit code', async () => {
    const result = await run("'sh' '-c' 'echo out; echo err >&2; exit 3'")
    expect(result).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 3, signal: undefined, timedOut: false, truncated: false })
  })
})
