import { execFileSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GitGate, startGitGate } from '../tools/git_push/gitGate.ts'
import { GIT_ENV } from '../tools/git_push/upstream.ts'
import { type SshServer, startSshServer } from './sshServer.ts'

const POLICY = `
policy: db-maintenance-agents
connections: [shop, impostor, locked, known]
rules:
  - match: { operation: push, branch: ["refs/heads/feature/*"], paths: ["*"] }
    action: allow
  - match: fetch
    action: allow
`

/** A repository behind a real OpenSSH server; the bare repository is that of the fixture. */
let server: SshServer
let shop: GitGate
beforeAll(async () => {
  server = await startSshServer()
  shop = await startGitGate({
    policy: POLICY,
    others: ['impostor', 'locked', 'known'],
    connectionOf: (name, { dir }) => ({
      type: 'git',
      url: `ssh://127.0.0.1:${server.port}${dir}`,
      user: server.user,
      privateKey: { file: name === 'locked' ? server.lockedKeyFile : server.keyFile },
      ...(name === 'locked' && { passphrase: { file: join(server.dir, 'passphrase') } }),
      ...(name === 'known' && { knownHosts: { file: join(server.dir, 'known') } }),
      hostKey: name === 'known' ? undefined : name === 'impostor' ? `SHA256:${'A'.repeat(43)}` : server.fingerprint,
    }),
    before: async () => {
      await writeFile(join(server.dir, 'passphrase'), server.passphrase)
      await writeFile(join(server.dir, 'known'), `${server.knownHosts}\n`)
    },
  })
})
afterAll(async () => {
  await shop?.stop()
  await server?.stop()
})

const emptyCommit = (message: string) =>
  execFileSync('git', ['-C', shop.clone, 'commit-tree', 'origin/main^{tree}', '-p', 'origin/main', '-m', message], {
    env: GIT_ENV,
  })
    .toString()
    .trim()

test.each(['shop', 'locked', 'known'])('a commit reaches a repository over SSH, as %s', async (connection) => {
  const oid = emptyCommit(`over ssh, ${connection}`)
  const pushed = await shop.push([`${oid}:refs/heads/agent/ssh`], { connection })
  expect(pushed, pushed.output).toMatchObject({ code: 0 })
  const branch = `feature/${connection}`
  expect(await shop.gate.call('git_push', { connection, branch, commit: oid })).toMatchObject({ status: 'ok' })
  expect(shop.upstream.refs()[`refs/heads/${branch}`]).toBe(oid)
  // Nothing went over HTTP.
  expect(shop.upstream.credentials).toEqual([])
})

test('a commit that is behind is told so over SSH as well, and the branch stays', async () => {
  const before = shop.upstream.refs()['refs/heads/feature/shop']
  const oid = emptyCommit('another')
  await shop.push([`${oid}:refs/heads/agent/another`])
  const answer = await shop.gate.call('git_push', { connection: 'shop', branch: 'feature/shop', commit: oid })
  expect(answer).toMatchObject({ code: 'ERR_GIT_NOT_FORWARD' })
  expect(shop.upstream.refs()['refs/heads/feature/shop']).toBe(before)
})

test('a server with another key than the pinned one gets no login', async () => {
  const logins = () => server.log().split('Accepted publickey').length
  const before = logins()
  const answer = await shop.gate.call('git_push', {
    connection: 'impostor',
    branch: 'feature/x',
    commit: '1'.repeat(40),
  })
  expect(answer).toMatchObject({ status: 'failed', code: 'ERR_SSH_HOST_KEY' })
  expect(logins()).toBe(before)
})

test('the key and the passphrase are in nothing that anybody can see, and in no file of the gateway', async () => {
  const key = (await readFile(server.keyFile, 'utf8')).split('\n')[2] ?? 'no key'
  const texts = await Promise.all(
    (await readdir(shop.gate.dir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
  )
  for (const secret of [key, server.passphrase])
    expect([...texts, ...shop.gate.logLines].join('\n')).not.toContain(secret)
})
