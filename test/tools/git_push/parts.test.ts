import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadGate } from '../../../src/config/liveConfig.ts'
import { findCollision, isAgentRef, readBranch } from '../../../src/tools/git_push/branchName.ts'
import { lookUpPush } from '../../../src/tools/git_push/execute.ts'
import { createFindGit } from '../../../src/tools/git_push/git/findGit.ts'
import { openRepositories } from '../../../src/tools/git_push/git/repositories.ts'
import { runProcess } from '../../../src/tools/git_push/git/runProcess.ts'
import { MATCH_KEYS } from '../../../src/tools/git_push/matchKeys.ts'
import { pullRequestUrl } from '../../../src/tools/git_push/pullRequestUrl.ts'
import { openBody } from '../../../src/tools/git_push/receive/serveGit.ts'
import { foldPath, sensitivePathOf } from '../../../src/tools/git_push/sensitivePath.ts'
import { type GitConnection, gitConnection } from '../../../src/tools/git_push/settings.ts'
import { createGitPush } from '../../../src/tools/git_push/tool.ts'
import { PASSWORD, startUpstream } from './upstream.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const HTTPS = { type: 'git', url: 'https://git.example/team/shop.git', password: { env: 'GIT' } }
const SSH = {
  ...{ type: 'git', url: 'ssh://git.example/team/shop.git', privateKey: { file: '/key' } },
  hostKey: `SHA256:${'A'.repeat(43)}`,
}

describe('settings of a connection', () => {
  test.each([
    ['HTTPS', HTTPS],
    ['SSH with a fingerprint', SSH],
    ['SSH with known_hosts', { ...SSH, hostKey: undefined, knownHosts: { file: '/known' } }],
    ['loopback', { ...HTTPS, url: 'http://127.0.0.1:8080/x.git' }],
  ])('%s loads', (_what, written) => {
    expect(gitConnection.safeParse(written).success).toBe(true)
  })

  test.each([
    ['file:///srv/shop.git', 'https:// or ssh://'],
    ['ext::sh -c touch% /x', 'https:// or ssh://'],
    ['fd::3', 'https:// or ssh://'],
    ['git://git.example/x.git', 'https:// or ssh://'],
    ['http://git.example/x.git', 'loopback'],
    ['http://127.0.0.1.evil.example/x.git', 'loopback'],
    ['https://user@git.example/x.git', '"user"'],
    ['https://u:p@git.example/x.git', '"user"'],
    ['https://git.example/x.git?a=b', 'plain URL'],
    ['https://git.example/', 'repository'],
    ['git@git.example:x.git', 'host:repo is not one'],
    ['/srv/shop.git', 'URL'],
    ['https://git.example/x y', 'plain URL'],
  ])('%s does not: %s', (url, why) => {
    const { success, error } = gitConnection.safeParse({ ...HTTPS, url })
    expect(success).toBe(false)
    expect(error?.issues.map(({ message }) => message).join()).toContain(why)
  })

  test.each([
    ['SSH without a pinned key', { ...SSH, hostKey: undefined }],
    ['SSH with two sorts of pins', { ...SSH, knownHosts: { file: '/known' } }],
    ['SSH without a private key', { ...SSH, privateKey: undefined }],
    ['SSH with a password', { ...SSH, password: { env: 'X' } }],
    ['HTTPS with a private key', { ...HTTPS, privateKey: { file: '/key' } }],
    ['a password that is written out', { ...HTTPS, password: 'x' }],
    ['an unknown key', { ...HTTPS, hooks: true }],
    ['a user with a colon', { ...HTTPS, user: 'a:b' }],
  ])('%s does not load', (_what, written) => {
    expect(gitConnection.safeParse(written).success).toBe(false)
  })
})

test('only agent/ is an agent’s, in exactly that spelling', () => {
  for (const ref of ['refs/heads/agent/x', 'refs/heads/agent/a/b-1']) expect(isAgentRef(ref)).toBe(true)
  for (const ref of [
    'refs/heads/agent',
    'refs/heads/Agent/x',
    'refs/heads/agent/',
    'refs/tags/agent/x',
    'agent/x',
    'refs/heads/agent/../main',
  ]) {
    expect(isAgentRef(ref)).toBe(false)
  }
  expect(readBranch('refs/heads/main')).toBe(readBranch('main'))
})

test('names that differ in case alone collide, at any depth', () => {
  const existing = ['refs/heads/main', 'refs/heads/Feature/One']
  for (const ref of [
    'refs/heads/MAIN',
    'refs/heads/main/x',
    'refs/heads/feature/two',
    'refs/heads/Feature',
    'refs/heads/Feature/ONE',
  ]) {
    expect(findCollision(ref, existing)).toBeDefined()
  }
  for (const ref of ['refs/heads/main', 'refs/heads/mainly', 'refs/heads/Feature/Two', 'refs/heads/Feature/One']) {
    expect(findCollision(ref, existing)).toBeUndefined()
  }
})

test('a path is seen through its spelling, and ordinary ones are left alone', () => {
  expect(foldPath('.GitHub\\Workflows\\X.yml')).toBe('.github/workflows/x.yml')
  expect(sensitivePathOf('a/b/CODEOWNERS', [])).toBe('a/b/CODEOWNERS')
  expect(sensitivePathOf('deploy/prod.yaml', ['Deploy/*'])).toBe('deploy/prod.yaml')
  for (const path of [
    'src/workflows/x.ts',
    'docs/github.md',
    'src/hooks/useX.ts',
    '.gitignore',
    '.env.example',
    'keys.md',
    'src/codeowners.ts',
  ]) {
    expect(sensitivePathOf(path, [])).toBeUndefined()
  }
})

describe('match keys', () => {
  const matches = (key: string, wanted: unknown, fact: never, action: 'allow' | 'deny' | 'require-approval') =>
    MATCH_KEYS[key]?.matches(wanted, fact, action)
  test.each([
    ['branch', ['refs/heads/main'], 'refs/heads/Main', false, true],
    ['branch', ['refs/heads/feature/*'], 'refs/heads/feature/a/b', true, true],
    ['branch', ['refs/heads/feature/*'], 'refs/heads/features', false, false],
    ['paths', ['docs/*'], ['docs/a.md', 'src/x.ts'], false, true],
    ['paths', ['docs/*'], ['docs/a.md'], true, true],
    ['paths', ['docs/*'], [], true, false],
    ['paths', ['.github/*'], ['.GitHub/x'], false, true],
    ['newFiles', false, true, false, false],
    ['newFiles', false, false, true, true],
    ['newFiles', true, false, true, false],
    ['newFiles', true, true, true, true],
    ['maxCommits', 3, 3, true, true],
    ['maxCommits', 3, 4, false, false],
  ])('%s %j with %j: allow %s, deny %s', (key, wanted, fact, allows, denies) => {
    expect(matches(key, wanted, fact as never, 'allow')).toBe(allows)
    expect(matches(key, wanted, fact as never, 'require-approval')).toBe(allows)
    expect(matches(key, wanted, fact as never, 'deny')).toBe(denies)
  })

  test('a fact that is not there matches nothing', () => {
    for (const [key, wanted] of Object.entries({
      branch: ['refs/heads/*'],
      paths: ['*'],
      newFiles: true,
      maxCommits: 9,
    })) {
      for (const action of ['allow', 'deny'] as const)
        expect(MATCH_KEYS[key]?.matches(wanted, undefined, action)).toBe(false)
    }
  })
})

test.each([
  ['https://github.com/corp/shop.git', undefined, 'https://github.com/corp/shop/compare/feature/x?expand=1'],
  ['ssh://github.com/corp/shop.git', undefined, 'https://github.com/corp/shop/compare/feature/x?expand=1'],
  [
    'https://gitlab.com/a/b/c.git',
    undefined,
    'https://gitlab.com/a/b/c/-/merge_requests/new?merge_request%5Bsource_branch%5D=feature%2Fx',
  ],
  [
    'https://dev.azure.com/o/p/_git/r',
    undefined,
    'https://dev.azure.com/o/p/_git/r/pullrequestcreate?sourceRef=feature%2Fx',
  ],
  [
    'ssh://ssh.dev.azure.com/v3/o/p/r',
    undefined,
    'https://dev.azure.com/o/p/_git/r/pullrequestcreate?sourceRef=feature%2Fx',
  ],
  ['https://code.corp.example/a/b.git', 'github', 'https://code.corp.example/a/b/compare/feature/x?expand=1'],
  ['https://code.corp.example/a/b.git', undefined, undefined],
  ['https://github.com.evil.example/a/b.git', undefined, undefined],
  ['https://github.com/a/b.git', 'none', undefined],
] as const)('the pull request of %s (%s)', (url, forge, expected) => {
  expect(pullRequestUrl({ url, forge }, 'refs/heads/feature/x')).toBe(expected)
})

describe('what is run', () => {
  test('ends with everything it started when its time is over', async () => {
    const { stopped, code } = await runProcess('/bin/sh', ['-c', 'sleep 60 & wait'], {
      env: {},
      timeoutMs: 50,
      maxOutput: 10,
    })
    expect({ stopped, code }).toEqual({ stopped: 'timeout', code: undefined })
  })

  test('is stopped when it writes more than is wanted', async () => {
    const { stopped, stdout } = await runProcess('/bin/sh', ['-c', 'while :; do echo xxxxxxxxxxxxxxxx; done'], {
      ...{ env: {}, timeoutMs: 30_000, maxOutput: 1_000 },
    })
    expect(stopped).toBe('output')
    expect(stdout.length).toBeLessThanOrEqual(1_000)
  })

  test('is looked up once; without git there is a code that says so', async () => {
    await expect(createFindGit(() => '/nonexistent')()).rejects.toMatchObject({ code: 'ERR_GIT_MISSING' })
    const tool = createGitPush({
      ...{ readSecret: async () => '', alsoSecret: () => {}, findSecrets: () => [] },
      connections: () => ({ shop: gitConnection.parse(HTTPS) }),
    })
    const path = process.env.PATH
    process.env.PATH = '/nonexistent'
    try {
      expect(await tool.selfTest('shop')).toMatchObject([
        { level: 'error', message: expect.stringContaining('no git') },
      ])
    } finally {
      process.env.PATH = path
    }
  })
})

test('a body that stops coming is given up', async () => {
  const body = openBody(new Readable({ read() {} }), 10, 20)
  await expect(body.next()).rejects.toMatchObject({ code: 'ERR_BODY_MALFORMED' })
})

async function openAt(url: string, more: Readonly<Record<string, unknown>> = {}) {
  const cache = await mkdtemp(join(tmpdir(), 'countersign-cache-'))
  closing.push(() => rm(cache, { recursive: true, force: true }))
  const settings: GitConnection = gitConnection.parse({ ...HTTPS, url, user: 'gate', ...more })
  const parts = { readSecret: async () => PASSWORD, alsoSecret: () => {} }
  const programs = await createFindGit(() => process.env.PATH)()
  return { cache, settings, parts, repositories: openRepositories(settings, programs, parts, cache) }
}

/** Of every process on the machine. */
async function commandLines(): Promise<string> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  if (ids.length === 0) return execFileSync('ps', ['-eo', 'args']).toString()
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'latin1').catch(() => '')))
  return lines.join('\n')
}

describe('on a real server', () => {
  test('what was not used for long is swept away, and leftovers of a crash with it', async () => {
    const upstream = await startUpstream()
    closing.push(() => upstream.stop())
    const { cache, repositories, settings } = await openAt(upstream.url)
    const now = Date.now()
    const [old, fresh] = ['a'.repeat(40), 'b'.repeat(40)]
    await repositories.space(old)
    await repositories.space(fresh)
    const [root = ''] = await readdir(cache)
    const longAgo = new Date(now - settings.limits.keep - 60_000)
    await utimes(join(cache, root, 'agents', `${old}.git`, 'last-used'), longAgo, longAgo)
    const leftover = join(cache, root, 'agents', `${fresh}.git`, 'objects', 'tmp_objdir-incoming-x')
    await mkdir(leftover)
    await writeFile(join(leftover, 'x'), 'x')
    await repositories.sweep(now)
    expect(await readdir(join(cache, root, 'agents'))).toEqual([`${fresh}.git`])
    await (await repositories.space(fresh)).dropUnfinished()
    expect(await readdir(join(cache, root, 'agents', `${fresh}.git`, 'objects'))).not.toContain('tmp_objdir-incoming-x')
  })

  test('what became of a push is where the branch is', async () => {
    const upstream = await startUpstream()
    closing.push(() => upstream.stop())
    const tree = upstream.git(['hash-object', '-t', 'tree', '-w', '--stdin'], '')
    const commit = (message: string) => upstream.git(['-c', 'user.name=a', 'commit-tree', tree, '-m', message])
    const [from, to, third] = [commit('1'), commit('2'), commit('3')]
    upstream.git(['update-ref', 'refs/heads/x', from])
    const { settings, parts, repositories } = await openAt(upstream.url)
    const git = await repositories.copy(0)
    const look = (at: number) => lookUpPush(git, settings, parts, { ref: 'refs/heads/x', from, to, at })
    expect(await look(Date.now())).toBe('in-progress')
    expect(await look(Date.now() - 60_000)).toBe('aborted')
    upstream.git(['update-ref', 'refs/heads/x', to])
    expect(await look(Date.now())).toBe('committed')
    upstream.git(['update-ref', 'refs/heads/x', third])
    expect(await look(Date.now() - 60_000)).toBe('unknown')
    expect(await lookUpPush(git, settings, parts, { other: 1 })).toBe('unknown')
    upstream.git(['update-ref', '-d', 'refs/heads/x'])
    expect(await lookUpPush(git, settings, parts, { ref: 'refs/heads/x', from, to: null, at: 0 })).toBe('committed')
  })

  test('a repository with SHA-256 ids works as well', async () => {
    const upstream = await startUpstream({ objectFormat: 'sha256' })
    closing.push(() => upstream.stop())
    const tree = upstream.git(['hash-object', '-t', 'tree', '-w', '--stdin'], '')
    upstream.git(['update-ref', 'refs/heads/main', upstream.git(['commit-tree', tree, '-m', 'x'])])
    const { repositories } = await openAt(upstream.url, { objectFormat: 'sha256' })
    const git = await repositories.copy(0)
    expect(await git.text(['rev-parse', 'refs/heads/main'])).toMatch(/^[0-9a-f]{64}$/)
    const wrong = await openAt(upstream.url)
    await expect(wrong.repositories.copy(0)).rejects.toMatchObject({ code: 'ERR_TARGET_FAILED' })
  })

  test('the password is on no command line', async () => {
    const upstream = await startUpstream()
    closing.push(() => upstream.stop())
    const { repositories } = await openAt(upstream.url)
    let isOver = false
    const copied = repositories.copy(0).finally(() => {
      isOver = true
    })
    const seen: string[] = []
    while (!isOver) {
      seen.push(await commandLines())
      await new Promise((resolve) => setImmediate(resolve))
    }
    await copied
    expect(upstream.credentials.length).toBeGreaterThan(0)
    expect(seen.join('\n')).toContain('git')
    for (const form of [PASSWORD, Buffer.from(`gate:${PASSWORD}`).toString('base64')])
      expect(seen.join('\n')).not.toContain(form)
  })
})

test('the settings and the policy in docs/git-push.md load without a warning', async () => {
  const blocks = [...readFileSync('docs/git-push.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, text = '']) => text,
  )
  const [settings = '', policy = ''] = blocks
  const { connections } = parse(settings.replace('SHA256:...', `SHA256:${'A'.repeat(43)}`)) as { connections: unknown }
  const dir = await mkdtemp(join(tmpdir(), 'countersign-docs-'))
  closing.push(() => rm(dir, { recursive: true, force: true }))
  const guid = (number: number) => `6f1c1b3e-0000-4000-8000-00000000000${number}`
  const config = {
    version: 1,
    identity: [
      {
        type: 'entra',
        tenantId: guid(1),
        clientId: guid(2),
        requiredScope: 'mcp.access',
        requiredRole: 'Agent.Access',
      },
    ],
    groups: { 'coding-agents': guid(3), 'dba-leads': guid(4) },
    connections,
    policies: ['policy.yaml'],
    approvals: { store: { sqlite: 'x.db' }, reviewers: { dba: { groups: ['dba-leads'], atLeast: 1 } } },
  }
  await writeFile(join(dir, 'countersign.yaml'), JSON.stringify(config))
  await writeFile(join(dir, 'policy.yaml'), policy)
  const parts = { readSecret: async () => '', alsoSecret: () => {}, findSecrets: () => [], connections: () => ({}) }
  const gate = await loadGate(join(dir, 'countersign.yaml'), [createGitPush(parts).tool])
  expect(gate.policies.warnings).toEqual([])
  expect(gate.policies.policies.map(({ rules }) => rules.length)).toEqual([4])
  const caches = Object.values(gate.config.connections).map((connection) => 'cache' in connection && connection.cache)
  expect(caches).toEqual([join(dir, 'git', 'shop-repo'), join(dir, 'git', 'infra-repo')])
})
