import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../../src/adapters/sqliteStore.ts'
import { type GitGate, run, startGitGate } from './gitGate.ts'
import { GIT_ENV, PASSWORD } from './upstream.ts'

const POLICY = `
policy: db-maintenance-agents
connections: [shop]
rules:
  - name: features
    match: { operation: push, branch: ["refs/heads/feature/*"], paths: ["*"] }
    action: allow
  - name: main
    match: { operation: push, branch: [refs/heads/main] }
    action: require-approval
  - name: looked-through
    match: { operation: push, branch: ["refs/heads/shown/*"] }
    action: require-approval
    approval: { preview: required }
  - name: rewrites
    match: { operation: [force-push, delete], branch: ["refs/heads/feature/*"] }
    action: require-approval
  - name: reading
    match: fetch
    action: allow
  - name: false-alarms
    match: { operation: "secret:*", branch: [refs/heads/feature/alarm] }
    action: require-approval
  - name: too-trusting
    match: { operation: "secret:*", branch: [refs/heads/feature/trusting] }
    action: allow
  - name: links
    match: { operation: "mode:*", paths: ["bin/*"] }
    action: allow
record: true
`

let shop: GitGate
beforeAll(async () => {
  shop = await startGitGate({ policy: POLICY })
})
afterAll(() => shop?.stop())

let made = 0
/** A commit on top of a branch with some files changed, made without a work tree. */
function commit(files: Readonly<Record<string, string>>, { from = 'origin/main', message = 'Change' } = {}): string {
  made += 1
  const env = { ...GIT_ENV, GIT_INDEX_FILE: join(shop.clone, `index-${made}`) }
  const git = (args: readonly string[], input?: string) =>
    execFileSync('git', ['-C', shop.clone, ...args], { env, ...(input !== undefined && { input }) })
      .toString()
      .trim()
  git(['read-tree', from])
  for (const [path, text] of Object.entries(files)) {
    const blob = git(['hash-object', '-w', '--stdin'], text)
    git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`])
  }
  return git(['commit-tree', git(['write-tree']), '-p', from, '-m', message])
}

const facts = (answer: { result?: unknown }) => answer.result as Readonly<Record<string, unknown>>

/** A token of another agent. */
const other = (number: number) => {
  const oid = `6f1c1b3e-0000-4000-8000-30000000000${number}`
  return shop.gate.mint('app-only', { claims: { oid, sub: oid } })
}

async function leave(name: string, oid: string, token?: string): Promise<void> {
  const pushed = await shop.push([`${oid}:refs/heads/agent/${name}`], token === undefined ? {} : { token })
  expect(pushed, pushed.output).toMatchObject({ code: 0 })
}

describe('what reviewers must have seen whole', () => {
  const push = async (files: Readonly<Record<string, string>>, message?: string) => {
    const oid = commit(files, { ...(message !== undefined && { message }) })
    expect(await shop.push([`+${oid}:refs/heads/agent/shown`])).toMatchObject({ code: 0 })
    return shop.gate.call('git_push', { connection: 'shop', branch: `shown/x${made}`, commit: oid })
  }
  // In pieces, so that secret scanners let it pass.
  const marker = ['-----BEGIN PRIV', 'ATE KEY-----'].join('')

  test('a change that is text can be approved', async () => {
    const answer = await push({ 'src/a.sh': 'echo hello\n' })
    expect(answer).toMatchObject({ status: 'pending_approval' })
    await shop.gate.reviewer().deny(answer.approval_id ?? '')
  })

  test('a new branch says which branch of the server it starts from', async () => {
    const { gate } = shop
    const first = commit({ 'src/first.ts': 'run()\n' })
    expect(await shop.push([`+${first}:refs/heads/agent/shown`])).toMatchObject({ code: 0 })
    const allowed = await gate.call('git_push', { connection: 'shop', branch: 'feature/first', commit: first })
    expect(allowed).toMatchObject({ status: 'ok' })
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'shown/on-first', commit: first })
    const { effect } = await gate.reviewer().show(answer.approval_id ?? '')
    expect(JSON.stringify(effect)).toContain(
      `it starts from ${first.slice(0, 12)}, which is on refs/heads/feature/first:`,
    )
    await gate.reviewer().deny(answer.approval_id ?? '')
  })

  test.each([
    ['a NUL, which makes a script a binary file', { 'src/a.sh': '#!/bin/sh\n# \0\ntouch /tmp/x\n' }],
    ['more than git compares as text', { 'src/big.js': `run()\n${'// line\n'.repeat(150_000)}` }],
    ['a marker that makes the rest look like one private key', { 'a.md': `${marker}\n`, 'src/z.js': 'run()\n' }],
  ])('%s: a change that cannot be seen cannot be approved', async (_, files) => {
    expect(await push(files)).toMatchObject({ code: 'ERR_PREVIEW_REQUIRED' })
  })
})

describe('a commit on its way', () => {
  test('is left with plain git, by password or by bearer token, and the server knows nothing of it', async () => {
    const { push, upstream } = shop
    const before = upstream.refs()
    const oid = commit({ 'a.md': 'a\n' })
    for (const as of ['basic', 'bearer'] as const) {
      expect(await push([`${oid}:refs/heads/agent/${as}`], { as })).toMatchObject({ code: 0 })
    }
    expect(upstream.refs()).toEqual(before)
  })

  test('is pushed to a branch by its id, and the answer names it', async () => {
    const { gate, upstream } = shop
    const oid = commit({ 'b.md': 'b\n' })
    await leave('b', oid)
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'feature/b', commit: oid })
    expect(answer).toMatchObject({ status: 'ok' })
    expect(facts(answer)).toMatchObject({ branch: 'refs/heads/feature/b', kind: 'create', commit: oid, before: null })
    expect(upstream.refs()['refs/heads/feature/b']).toBe(oid)
  })

  test('comes from a real MCP client in the same way', async () => {
    const { gate, upstream } = shop
    const oid = commit({ 'client.md': 'c\n' })
    await leave('client', oid)
    const client = await gate.connectClient()
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('git_push')
    const args = { connection: 'shop', branch: 'feature/client', commit: oid }
    const { structuredContent } = await client.callTool({ name: 'git_push', arguments: args })
    await client.close()
    expect(structuredContent).toMatchObject({ status: 'ok' })
    expect(upstream.refs()['refs/heads/feature/client']).toBe(oid)
  })

  test('waits for a person on main, who sees commits, files and the change; then it is there', async () => {
    const { gate, upstream } = shop
    const before = upstream.refs()['refs/heads/main']
    const first = commit({ 'src/cart.ts': 'export const cart = [1]\n' }, { message: 'One thing' })
    const oid = commit({ '.github/workflows/ci.yml': 'on: [push]\n' }, { from: first, message: 'Another thing' })
    await leave('reviewed', oid)
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'main', commit: oid, reason: 'Because.' })
    expect(answer).toMatchObject({ status: 'pending_approval' })
    expect(upstream.refs()['refs/heads/main']).toBe(before)
    const id = answer.approval_id ?? ''
    const view = JSON.stringify(await gate.reviewer().show(id))
    for (const seen of [
      'One thing',
      'Another thing',
      '+export const cart = [1]',
      'ci.yml',
      'path:.github/workflows/ci.yml',
    ]) {
      expect(view).toContain(seen)
    }
    await gate.reviewer().approve(id)
    expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })
    expect(upstream.refs()['refs/heads/main']).toBe(oid)
    expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })
  })

  test('is not pushed when the branch has moved since a person approved it', async () => {
    const { gate, upstream, git } = shop
    git('fetch', '-q', 'origin')
    const oid = commit({ 'late.md': 'l\n' })
    await leave('late', oid)
    const { approval_id: id = '' } = await gate.call('git_push', { connection: 'shop', branch: 'main', commit: oid })
    await gate.reviewer().approve(id)
    upstream.git(['update-ref', 'refs/heads/main', 'refs/heads/main~1'])
    const moved = upstream.refs()['refs/heads/main']
    const answer = await gate.call('await_approval', { approval_id: id })
    expect(answer).toMatchObject({ code: 'ERR_APPROVAL_CHANGED' })
    expect(upstream.refs()['refs/heads/main']).toBe(moved)
    upstream.git(['update-ref', 'refs/heads/main', git('rev-parse', 'origin/main')])
  })

  test('is rewritten or deleted only when somebody approved exactly that', async () => {
    const { gate, upstream } = shop
    const first = commit({ 'r.md': '1\n' })
    const second = commit({ 'r.md': '2\n' })
    await leave('r1', first)
    await leave('r2', second)
    await gate.call('git_push', { connection: 'shop', branch: 'feature/r', commit: first })
    const args = { connection: 'shop', branch: 'feature/r', commit: second }
    expect(await gate.call('git_push', args)).toMatchObject({ code: 'ERR_GIT_NOT_FORWARD' })
    const forced = await gate.call('git_push', { ...args, force: true })
    expect(forced).toMatchObject({ status: 'pending_approval' })
    expect(upstream.refs()['refs/heads/feature/r']).toBe(first)
    await gate.reviewer().approve(forced.approval_id ?? '')
    const done = await gate.call('await_approval', { approval_id: forced.approval_id })
    expect(facts(done)).toMatchObject({ kind: 'force', before: first, commit: second })
    const removed = await gate.call('git_push', { connection: 'shop', branch: 'feature/r', delete: true })
    expect(removed).toMatchObject({ status: 'pending_approval' })
    await gate.reviewer().approve(removed.approval_id ?? '')
    expect(await gate.call('await_approval', { approval_id: removed.approval_id })).toMatchObject({ status: 'ok' })
    expect(upstream.refs()).not.toHaveProperty('refs/heads/feature/r')
  })

  test('is made from a patch, the same commit but for its time when it is approved later', async () => {
    const { gate, upstream } = shop
    const patch = '--- a/README.md\n+++ b/README.md\n@@ -1 +1,2 @@\n # Shop\n+Open all day.\n'
    const args = { connection: 'shop', branch: 'main', patch, message: 'Opening hours' }
    const answer = await gate.call('git_push', args)
    expect(answer).toMatchObject({ status: 'pending_approval' })
    await gate.reviewer().approve(answer.approval_id ?? '')
    const done = await gate.call('await_approval', { approval_id: answer.approval_id })
    expect(done).toMatchObject({ status: 'ok' })
    expect(upstream.git(['show', 'refs/heads/main:README.md'])).toBe('# Shop\nOpen all day.')
    expect(upstream.git(['log', '-1', '--format=%an %s', 'refs/heads/main'])).toBe('Countersign agent Opening hours')
    expect(await gate.call('git_push', args)).toMatchObject({ code: 'ERR_GIT_PATCH' })
  })

  test('two agents racing for one branch: one is there, the other is told so', async () => {
    const { gate, upstream } = shop
    const tokens = await Promise.all([1, 2, 3, 4].map(other))
    const racers = tokens.map((token, index) => ({ token, oid: commit({ 'race.md': `${index}\n` }) }))
    // All in branches of the same name: each has a space of its own.
    for (const { token, oid } of racers) await leave('race', oid, token)
    const answers = await Promise.all(
      racers.map(({ token, oid }) =>
        gate.call('git_push', { connection: 'shop', branch: 'feature/race', commit: oid }, { token }),
      ),
    )
    const winners = answers.filter(({ status }) => status === 'ok')
    expect(winners).toHaveLength(1)
    expect(upstream.refs()['refs/heads/feature/race']).toBe(facts(winners[0] ?? {}).commit)
    const losers = answers.filter(({ status }) => status !== 'ok').map(({ code }) => code)
    for (const code of losers) expect(['ERR_GIT_MOVED', 'ERR_GIT_NOT_FORWARD']).toContain(code)
  })

  test('is nobody else’s to push on', async () => {
    const { gate, upstream } = shop
    const oid = commit({ 'mine.md': 'm\n' })
    await leave('mine', oid)
    const args = { connection: 'shop', branch: 'feature/stolen', commit: oid }
    expect(await gate.call('git_push', args, { token: await other(5) })).toMatchObject({ code: 'ERR_GIT_COMMIT' })
    expect(upstream.refs()).not.toHaveProperty('refs/heads/feature/stolen')
  })
})

describe('the server of the repository', () => {
  test('that rejects a push is quoted, without a password or an address', async () => {
    const { gate, upstream } = shop
    const oid = commit({ 'no.md': 'n\n' })
    await leave('no', oid)
    upstream.git(['config', 'receive.denyCreates', 'true'])
    upstream.git(['config', 'transfer.hideRefs', 'refs/heads/feature/hidden'])
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'feature/hidden', commit: oid })
    upstream.git(['config', '--unset', 'transfer.hideRefs'])
    expect(answer).toMatchObject({ code: 'ERR_GIT_REJECTED' })
    expect(upstream.refs()).not.toHaveProperty('refs/heads/feature/hidden')
  })

  test('that takes the push and breaks off before it says so is asked again', async () => {
    const { gate, upstream } = shop
    const oid = commit({ 'cut.md': 'c\n' })
    await leave('cut', oid)
    upstream.behave('cut-off')
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'feature/cut', commit: oid })
    upstream.behave('well')
    expect(upstream.refs()['refs/heads/feature/cut']).toBe(oid)
    expect(answer).toMatchObject({ status: 'ok' })
  })

  test.each([
    ['redirect', 'ERR_TARGET_FAILED'],
    ['forbidden', 'ERR_TARGET_CREDENTIALS'],
  ] as const)('that answers with %s gets the password nowhere else, and nothing is judged', async (how, code) => {
    const { gate, upstream } = shop
    const oid = commit({ 'x.md': how })
    await leave(how, oid)
    upstream.behave(how)
    const answer = await gate.call('git_push', { connection: 'shop', branch: `feature/${how}`, commit: oid })
    upstream.behave('well')
    expect(answer).toMatchObject({ status: 'failed', code })
    expect(upstream.strayed).toEqual([])
  })
})

describe('what looks like a secret', () => {
  const AWS = ['AKIA', 'QYLPMN5H', 'GHFPZAM2'].join('')

  test.each(['alarm', 'trusting'])('goes to a person at best, who does not see it (%s)', async (branch) => {
    const { gate, upstream } = shop
    const oid = commit({ 'fixture.txt': `key ${AWS}\n` }, { message: `About ${AWS} on ${branch}` })
    await leave(branch, oid)
    const args = { connection: 'shop', branch: `feature/${branch}`, commit: oid }
    const answer = await gate.call('git_push', args)
    expect(answer).toMatchObject({ status: 'pending_approval' })
    const view = JSON.stringify(await gate.reviewer().show(answer.approval_id ?? ''))
    expect(view).toContain('secret:aws-access-key')
    expect(view).toContain('[masked:aws-access-key]')
    expect(view).not.toContain(AWS)
    expect(upstream.refs()).not.toHaveProperty(`refs/heads/feature/${branch}`)
    await gate.reviewer().approve(answer.approval_id ?? '')
    expect(await gate.call('await_approval', { approval_id: answer.approval_id })).toMatchObject({ status: 'ok' })
    expect(upstream.refs()[`refs/heads/feature/${branch}`]).toBe(oid)
  })

  test('in the words of the server is hidden from the agent', async () => {
    const { gate, upstream } = shop
    const hook = join(upstream.dir, 'hooks', 'pre-receive')
    await mkdir(dirname(hook), { recursive: true })
    await writeFile(hook, `#!/bin/sh\necho "not for ${PASSWORD}, and ${AWS}" >&2\nexit 1\n`, { mode: 0o755 })
    const oid = commit({ 'hook.md': 'h\n' })
    await leave('hook', oid)
    const answer = await gate.call('git_push', { connection: 'shop', branch: 'feature/hook', commit: oid })
    await rm(hook)
    expect(answer).toMatchObject({ status: 'failed', code: 'ERR_GIT_REJECTED' })
    expect(answer.message).toContain('not for [masked:')
    expect(JSON.stringify(answer)).not.toMatch(new RegExp(`${PASSWORD}|${AWS}`))
    expect(upstream.refs()).not.toHaveProperty('refs/heads/feature/hook')
  })
})

test('ten trees that stand for a thousand million files are too much, not a failure of the gateway', async () => {
  const git = (args: readonly string[], input: string) =>
    execFileSync('git', ['-C', shop.clone, ...args], { env: GIT_ENV, input })
      .toString()
      .trim()
  let tree = git(['mktree'], `100644 blob ${git(['hash-object', '-w', '--stdin'], 'x')}\tfile\n`)
  for (let level = 0; level < 9; level += 1) {
    tree = git(['mktree'], [...Array(10).keys()].map((at) => `040000 tree ${tree}\td${at}\n`).join(''))
  }
  const bomb = git(['commit-tree', tree, '-p', 'origin/main', '-m', 'Bomb'], '')
  expect(await shop.push([`+${bomb}:refs/heads/agent/shown`])).toMatchObject({ code: 0 })
  const answer = await shop.gate.call('git_push', { connection: 'shop', branch: 'feature/bomb', commit: bomb })
  expect(answer).toMatchObject({ status: 'failed', code: 'ERR_GIT_LIMIT' })
})

test('a caller who is stopped by the kill switch leaves nothing here', async () => {
  const { gate, push } = shop
  const oid = '6f1c1b3e-0000-4000-8000-300000000099'
  const token = await gate.mint('app-only', { claims: { oid, sub: oid } })
  const work = commit({ 'revoked.md': 'r\n' })
  expect(await push([`${work}:refs/heads/agent/revoked`], { token })).toMatchObject({ code: 0 })
  const store = openSqliteStore(gate.storePath)
  await store.revoke({ kind: 'caller', id: oid }, 'test', undefined, Date.now())
  await store.close()
  const again = await push([`+${work}:refs/heads/agent/again`], { token })
  expect(again.code).not.toBe(0)
  expect(again.output).toContain('403')
})

describe('reading with plain git', () => {
  test('is possible where policy allows it: a clone through the gateway is the repository', async () => {
    const { gate, clone, upstream } = shop
    const token = await gate.mint('app-only')
    const url = new URL('/git/shop', gate.url)
    url.username = 'agent'
    url.password = token
    const target = join(clone, 'clone-of-gateway')
    const cloned = await run(['clone', '--quiet', '--template=', url.href, target])
    expect(cloned, cloned.output).toMatchObject({ code: 0 })
    const head = execFileSync('git', ['-C', target, 'rev-parse', 'HEAD'], { env: GIT_ENV }).toString().trim()
    expect(head).toBe(upstream.refs()['refs/heads/main'])
    // What agents left is in no clone.
    const refs = execFileSync('git', ['-C', target, 'for-each-ref'], { env: GIT_ENV }).toString()
    expect(refs).not.toContain('agent/')
    await rm(target, { recursive: true, force: true })
    const trail = await gate.readTrail()
    const fetched = trail.filter(({ event, tool }) => event === 'call.finished' && tool === 'git_push')
    expect(
      trail.some(({ event, operations }) => event === 'call.decided' && JSON.stringify(operations).includes('"fetch"')),
    ).toBe(true)
    expect(fetched.length).toBeGreaterThan(0)
  })
})

test('the password of the server is in nothing that anybody can see', async () => {
  const { gate, upstream } = shop
  const files = await Promise.all(
    (await readdir(gate.auditDir)).map((name) => readFile(join(gate.auditDir, name), 'utf8')),
  )
  const reviews = JSON.stringify(await gate.reviewer().list('all'))
  const seen = [reviews, ...files, ...gate.logLines].join('\n')
  expect(upstream.credentials.length).toBeGreaterThan(10)
  expect(seen).not.toContain(PASSWORD)
  expect(seen).not.toContain(Buffer.from(`gate:${PASSWORD}`).toString('base64'))
})
