import { afterEach, expect, test } from 'vitest'
import { openSshChannel } from '../../../src/tools/git_push/git/sshChannel.ts'
import { readPinnedKeys } from '../../../src/tools/ssh_exec/session/hostKeys.ts'
import { generateKey, startRecordingServer } from '../ssh_exec/recordingServer.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

test('a server that breaks the protocol in the moment it lets the gate in ends the push, not the gateway', async () => {
  const uncaught: unknown[] = []
  const onUncaught = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', onUncaught)
  closing.push(async () => void process.off('uncaughtException', onUncaught))
  const server = await startRecordingServer({ breaksAtLogin: true })
  closing.push(() => server.close())
  const host = { host: '127.0.0.1', port: server.port }
  const pinned = await readPinnedKeys({ ...host, hostKey: server.fingerprint, knownHosts: undefined }, async () => '')
  const login = { user: 'git', pinned, privateKey: generateKey(), passphrase: undefined }
  // Whether it notices in time to open nothing is the server's doing.
  await openSshChannel({ ...host, ...login, path: '/shop.git', timeoutMs: 20_000 }, 'git-receive-pack').then(
    (channel) => channel.close(),
    (error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_TARGET_/) }),
  )
  expect(server.offered).toContain('publickey')
  expect(uncaught).toEqual([])
})
