import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pktLine } from '../../../src/tools/git_push/receive/commandList.ts'
import { type GitGate, startGitGate } from './gitGate.ts'
import { GIT_ENV } from './upstream.ts'

const POLICY = `
policy: db-maintenance-agents
connections: [shop]
rules:
  - match: { operation: push, branch: ["refs/heads/feature/*"], paths: ["*"] }
    action: allow
`

const GATED = `
policy: gated
subjects: { roles: [db-maintenance-agents] }
connections: [gated]
rules:
  - match: fetch
    action: require-approval
`

const MAX_PACK = 4 * 1024 ** 2

let shop: GitGate
let token: string
beforeAll(async () => {
  shop = await startGitGate({
    policy: POLICY,
    settings: { limits: { maxPack: '4MiB', maxBranches: 6 } },
    policies: [POLICY, GATED],
    others: ['private', 'gated'],
  })
  token = await caller(0)
})
afterAll(() => shop?.stop())

const caller = (number: number) => {
  const oid = `6f1c1b3e-0000-4000-8000-4000000000${String(number).padStart(2, '0')}`
  return shop.gate.mint('app-only', { claims: { oid, sub: oid } })
}

const emptyCommit = (message: string, parent = 'origin/main') =>
  shop.git('commit-tree', `${parent}^{tree}`, '-p', parent, '-m', message)

const refsUrl = (connection: string, service: string) =>
  new URL(`/git/${connection}/info/refs?service=${service}`, shop.gate.url).href
const basic = (secret: string) => `Basic ${Buffer.from(`agent:${secret}`).toString('base64')}`

/** Everything below the gateway's folder of repositories, with sizes. */
async function kept(): Promise<{ readonly files: readonly string[]; readonly bytes: number }> {
  const root = join(shop.gate.dir, 'git', 'shop')
  const files = (await readdir(root, { recursive: true }).catch(() => [])).map((name) => join(root, name))
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return { files, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

const unfinished = async () => (await kept()).files.filter((file) => /tmp_objdir|\/tmp_/.test(file))

interface RawAnswer {
  readonly status: number
  readonly text: string
}

/** A POST to git-receive-pack whose body is written piece by piece; `abort` breaks off instead of ending. */
function post(
  pieces: Iterable<Buffer>,
  options: { readonly headers?: Record<string, string>; readonly abort?: boolean; readonly token?: string } = {},
) {
  return new Promise<RawAnswer>((resolve, reject) => {
    const url = new URL('/git/shop/git-receive-pack', shop.gate.url)
    const headers = {
      authorization: basic(options.token ?? token),
      'content-type': 'application/x-git-receive-pack-request',
      ...options.headers,
    }
    const sent = request(url, { method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', (error) => (options.abort === true ? resolve({ status: 0, text: '' }) : reject(error)))
    void (async () => {
      for (const piece of pieces) {
        if (sent.destroyed || sent.writableEnded) return
        if (!sent.write(piece)) await drained(sent)
      }
      if (options.abort === true) sent.destroy()
      else sent.end()
    })()
  })
}

function drained(stream: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle)
      resolve()
    }
    stream.on('drain', settle).on('close', settle)
  })
}

const ZERO = '0'.repeat(40)
const commands = (ref: string, to = '1'.repeat(40)) =>
  Buffer.concat([pktLine(`${ZERO} ${to} ${ref}\0report-status side-band-64k agent=test\n`), Buffer.from('0000')])
const PACK = Buffer.concat([Buffer.from('PACK'), Buffer.from([0, 0, 0, 2, 0, 0, 0, 1])])

describe('who may leave commits', () => {
  test.each([
    ['nobody', undefined, 401],
    ['a bad token', basic('not.a.token'), 401],
    ['a name without a password', `Basic ${Buffer.from('agent').toString('base64')}`, 401],
    ['another scheme', 'Digest x', 401],
  ])('not %s: git is told how to log in', async (_who, authorization, status) => {
    const response = await fetch(refsUrl('shop', 'git-receive-pack'), {
      headers: authorization === undefined ? {} : { authorization },
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('www-authenticate')).toContain('Basic realm="countersign"')
  })

  test('not who votes: a token of the reviewer app is none', async () => {
    const reviewer = await shop.gate.issuer.mint('reviewer', {})
    const response = await fetch(refsUrl('shop', 'git-receive-pack'), { headers: { authorization: basic(reviewer) } })
    expect(response.status).toBe(401)
  })

  test('a repository that no rule opens answers like one that is not there, and both are on record', async () => {
    const answers: RawAnswer[] = []
    for (const name of ['private', 'nowhere', 'prod-maintenance', '..%2fshop', '%00']) {
      const response = await fetch(refsUrl(name, 'git-receive-pack'), { headers: { authorization: basic(token) } })
      answers.push({ status: response.status, text: await response.text() })
    }
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ status: 404, text: expect.stringContaining('ERR_GIT_CONNECTION') })
    const refused = (await shop.gate.readTrail()).filter(
      ({ event, code }) => event === 'call.refused' && code === 'ERR_CONNECTION_UNKNOWN',
    )
    expect(refused.length).toBeGreaterThanOrEqual(answers.length)
  })

  test('reading is refused without a rule of its own, and on record as a denial', async () => {
    const response = await fetch(refsUrl('shop', 'git-upload-pack'), { headers: { authorization: basic(token) } })
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('ERR_GIT_FETCH_DENIED')
    const posted = await fetch(new URL('/git/shop/git-upload-pack', shop.gate.url), {
      method: 'POST',
      headers: { authorization: basic(token) },
      body: '0000',
    })
    expect(posted.status).toBe(403)
    const denied = (await shop.gate.readTrail()).filter(
      ({ event, code }) => event === 'call.denied' && code === 'ERR_POLICY_DENIED',
    )
    expect(denied.length).toBeGreaterThanOrEqual(2)
  })

  test('reading that needs approval is refused too: nobody can be asked inside of git', async () => {
    const response = await fetch(refsUrl('gated', 'git-upload-pack'), { headers: { authorization: basic(token) } })
    expect(response.status).toBe(403)
    expect(await shop.gate.reviewer().list('all')).toEqual([])
  })

  test.each([
    '',
    'HEAD',
    'objects/info/packs',
    'config',
    'git-upload-archive',
    'info/refs',
    'info/refs?service=git-upload-archive',
    'info/refs/../../x',
  ])('nothing else of a repository is served: %s', async (path) => {
    const response = await fetch(new URL(`/git/shop/${path}`, shop.gate.url), {
      headers: { authorization: basic(token) },
    })
    expect(response.status).toBe(404)
  })
})

describe('what is taken', () => {
  test('own branches may be rewritten and deleted, and nobody sees those of another agent', async () => {
    const [first, second] = [emptyCommit('first'), emptyCommit('second')]
    expect(await shop.push([`${first}:refs/heads/agent/own`], { token })).toMatchObject({ code: 0 })
    expect((await shop.push([`${second}:refs/heads/agent/own`], { token })).code).not.toBe(0)
    expect(await shop.push([`+${second}:refs/heads/agent/own`], { token })).toMatchObject({ code: 0 })
    const list = async (who: string) => {
      const response = await fetch(refsUrl('shop', 'git-receive-pack'), { headers: { authorization: basic(who) } })
      return response.text()
    }
    expect(await list(token)).toContain(`${second} refs/heads/agent/own`)
    const stranger = await caller(1)
    expect(await list(stranger)).not.toContain('refs/heads/agent/own')
    expect((await shop.push([':refs/heads/agent/own'], { token: stranger })).output).toContain('deleted')
    expect(await list(token)).toContain(`${second} refs/heads/agent/own`)
    expect(await shop.push([':refs/heads/agent/own'], { token })).toMatchObject({ code: 0 })
    expect(await list(token)).not.toContain('refs/heads/agent/own')
  })

  test('a push is taken whole or not at all, and git says why', async () => {
    const oid = emptyCommit('half')
    const pushed = await shop.push([`${oid}:refs/heads/agent/half`, `${oid}:refs/heads/main`], { token })
    expect(pushed.code).not.toBe(0)
    expect(pushed.output).toContain('only refs/heads/agent/<name> is taken here')
    const call = await shop.gate.call(
      'git_push',
      { connection: 'shop', branch: 'feature/half', commit: oid },
      { token },
    )
    expect(call).toMatchObject({ code: 'ERR_GIT_COMMIT' })
  })

  test('a shallow clone can push, because its missing commits are here', async () => {
    const shallow = join(shop.clone, '..', 'shallow')
    execFileSync('git', ['clone', '-q', '--template=', '--depth=1', `file://${shop.upstream.dir}`, shallow], {
      env: GIT_ENV,
    })
    execFileSync('git', ['-C', shallow, 'commit', '-q', '--allow-empty', '-m', 'Shallow'], { env: GIT_ENV })
    const oid = execFileSync('git', ['-C', shallow, 'rev-parse', 'HEAD'], { env: GIT_ENV }).toString().trim()
    const who = await caller(2)
    const pushed = await shop.push([`${oid}:refs/heads/agent/shallow`], { token: who, clone: shallow })
    expect(pushed, pushed.output).toMatchObject({ code: 0 })
    const answer = await shop.gate.call(
      'git_push',
      { connection: 'shop', branch: 'feature/shallow', commit: oid },
      { token: who },
    )
    expect(answer).toMatchObject({ status: 'ok' })
  })

  test('pushes of one agent at once are taken one after the other', async () => {
    const who = await caller(3)
    const oids = ['one', 'two', 'three', 'four', 'five', 'six'].map((name) => emptyCommit(name))
    const pushed = await Promise.all(
      oids.map((oid, index) => shop.push([`${oid}:refs/heads/agent/at-once-${index}`], { token: who })),
    )
    expect(
      pushed.map(({ code }) => code),
      pushed.map(({ output }) => output).join(),
    ).toEqual(oids.map(() => 0))
  })

  test('an agent keeps so many branches and no more', async () => {
    const who = await caller(4)
    const oid = emptyCommit('many')
    const refspecs = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => `${oid}:refs/heads/agent/n${from + index}`)
    expect(await shop.push(refspecs(0, 6), { token: who })).toMatchObject({ code: 0 })
    expect((await shop.push(refspecs(6, 1), { token: who })).output).toContain('you keep 6 branches here already')
    expect(await shop.push([':refs/heads/agent/n0', `${oid}:refs/heads/agent/n9`], { token: who })).toMatchObject({
      code: 0,
    })
  })

  test('nothing that stands in the environment or the home of the gateway has a say', async () => {
    const home = await mkdtemp(join(tmpdir(), 'countersign-home-'))
    const marker = join(home, 'ran')
    const hooks = join(home, 'hooks')
    await mkdir(hooks)
    for (const hook of [
      'pre-receive',
      'update',
      'post-receive',
      'post-update',
      'reference-transaction',
      'pre-push',
      'proc-receive',
    ]) {
      await writeFile(join(hooks, hook), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 })
    }
    await writeFile(join(hooks, 'helper'), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 })
    const config = [
      `[core]\nhooksPath = ${hooks}\nfsmonitor = ${hooks}/helper\nsshCommand = ${hooks}/helper\naskPass = ${hooks}/helper`,
      `[credential]\nhelper = ${hooks}/helper`,
      `[url "http://127.0.0.1:1/"]\ninsteadOf = ${new URL(shop.upstream.url).origin}/`,
      `[diff]\nexternal = ${hooks}/helper`,
      `[uploadpack]\npackObjectsHook = ${hooks}/helper`,
    ].join('\n')
    await writeFile(join(home, '.gitconfig'), config)
    const hostile = {
      ...{ HOME: home, XDG_CONFIG_HOME: home, GIT_CONFIG_GLOBAL: join(home, '.gitconfig'), GIT_TEMPLATE_DIR: home },
      ...{ GIT_SSH_COMMAND: `${hooks}/helper`, GIT_EXTERNAL_DIFF: `${hooks}/helper`, GIT_ASKPASS: `${hooks}/helper` },
      ...{
        GIT_CONFIG_PARAMETERS: `'core.hookspath=${hooks}'`,
        GIT_PROXY_COMMAND: `${hooks}/helper`,
        GIT_TRACE: join(home, 'trace'),
      },
    }
    const before = { ...process.env }
    Object.assign(process.env, hostile)
    try {
      const who = await caller(5)
      const oid = emptyCommit('environment')
      expect(await shop.push([`${oid}:refs/heads/agent/environment`], { token: who })).toMatchObject({ code: 0 })
      const answer = await shop.gate.call(
        'git_push',
        { connection: 'shop', branch: 'feature/environment', commit: oid },
        { token: who },
      )
      expect(answer).toMatchObject({ status: 'ok' })
    } finally {
      for (const name of Object.keys(hostile)) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
    expect(existsSync(marker)).toBe(false)
    expect(existsSync(join(home, 'trace'))).toBe(false)
    await rm(home, { recursive: true })
  })
})

describe('sizes', () => {
  test('a push of plain git over the limit is refused, and leaves nothing', async () => {
    const who = await caller(6)
    await writeFile(join(shop.clone, 'large.bin'), randomBytes(12 * 1024 ** 2))
    const blob = shop.git('hash-object', '-w', 'large.bin')
    const tree = execFileSync('git', ['-C', shop.clone, 'mktree'], {
      env: GIT_ENV,
      input: `100644 blob ${blob}\tlarge.bin\n`,
    })
      .toString()
      .trim()
    const oid = shop.git('commit-tree', tree, '-p', 'origin/main', '-m', 'Large')
    const before = (await kept()).bytes
    const pushed = await shop.push([`${oid}:refs/heads/agent/large`], { token: who })
    expect(pushed.code).not.toBe(0)
    expect(await unfinished()).toEqual([])
    expect((await kept()).bytes - before).toBeLessThan(MAX_PACK)
    expect(
      await shop.gate.call('git_push', { connection: 'shop', branch: 'feature/large', commit: oid }, { token: who }),
    ).toMatchObject({ code: 'ERR_GIT_COMMIT' })
  })

  test('200 MB are refused without filling memory or disk', async () => {
    const piece = storedBlock(randomBytes(65_535))
    let sent = 0
    let peak = 0
    const pieces = function* () {
      yield commands('refs/heads/agent/flood')
      yield hugeBlob(200 * 1024 ** 2)
      for (; sent < 3_200; sent += 1) {
        peak = Math.max(peak, process.memoryUsage().rss)
        yield piece
      }
    }
    const base = process.memoryUsage().rss
    const before = (await kept()).bytes
    const answer = await post(pieces()).catch(() => ({ status: 413, text: '' }))
    expect([200, 413]).toContain(answer.status)
    expect(answer.text).not.toContain('ok refs/heads/agent/flood')
    expect(sent).toBeGreaterThan(64)
    expect(peak - base).toBeLessThan(120 * 1024 ** 2)
    expect((await kept()).bytes - before).toBeLessThan(2 * MAX_PACK)
    expect(await unfinished()).toEqual([])
  })

  test('a body that unfolds to a gigabyte is held to the same limit', async () => {
    const zeros = Buffer.alloc(64 * 1024 ** 2)
    const bomb = gzipSync(Buffer.concat([commands('refs/heads/agent/bomb'), PACK, zeros]))
    expect(bomb.length).toBeLessThan(1024 ** 2)
    const answer = await post([bomb], { headers: { 'content-encoding': 'gzip' } }).catch(() => ({
      status: 413,
      text: '',
    }))
    expect([200, 413]).toContain(answer.status)
    expect(answer.text).not.toContain('ok refs/heads/agent/bomb')
    expect(await unfinished()).toEqual([])
  })

  test('an upload that breaks off leaves nothing', async () => {
    const who = await caller(7)
    await post([commands('refs/heads/agent/broken'), PACK, randomBytes(512 * 1024)], { abort: true, token: who })
    // The next push of the same agent waits for the first to be cleaned up.
    const oid = emptyCommit('after')
    expect(await shop.push([`${oid}:refs/heads/agent/after`], { token: who })).toMatchObject({ code: 0 })
    expect(await unfinished()).toEqual([])
    const list = await fetch(refsUrl('shop', 'git-receive-pack'), { headers: { authorization: basic(who) } })
    expect(await list.text()).not.toContain('agent/broken')
  })
})

/** The beginning of a pack with one blob of a size, which then comes in blocks that are not compressed (RFC 1951). */
function hugeBlob(size: number): Buffer {
  const header: number[] = [(3 << 4) | (size & 15)]
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    header[header.length - 1] = (header.at(-1) ?? 0) | 0x80
    header.push(rest & 0x7f)
  }
  return Buffer.concat([PACK, Buffer.from(header), Buffer.from([0x78, 0x01])])
}

function storedBlock(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(~bytes.length & 0xffff, 3)
  return Buffer.concat([head, bytes])
}

describe('what is no push', () => {
  const bad: [string, Buffer[]][] = [
    ['no length', [Buffer.from('zzzz')]],
    ['a length of one', [Buffer.from('0001')]],
    ['a line that is cut off', [Buffer.from('00ff1234')]],
    ['a signed push', [pktLine('push-cert\0report-status\n'), Buffer.from('0000')]],
    ['a ref with a line break', [pktLine(`${ZERO} ${'1'.repeat(40)} refs/heads/agent/a\nb`), Buffer.from('0000')]],
    ['an id that is none', [pktLine(`${ZERO} 1234 refs/heads/agent/a\n`), Buffer.from('0000')]],
    [
      'a list without an end',
      Array.from({ length: 70 }, (_, index) => pktLine(`${ZERO} ${'1'.repeat(40)} refs/heads/agent/a${index}\n`)),
    ],
  ]
  test.each(bad)('%s is refused before git sees it', async (_what, pieces) => {
    expect(await post(pieces)).toMatchObject({ status: 400, text: expect.stringContaining('ERR_BODY_MALFORMED') })
  })

  test('an encoding other than gzip, and gzip that is none', async () => {
    expect(await post([Buffer.from('0000')], { headers: { 'content-encoding': 'br' } })).toMatchObject({ status: 400 })
    expect(await post([Buffer.from('0000')], { headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      status: 400,
    })
    expect(await post([gzipSync('0000')], { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 200 })
  })
})

test('what was left here is on record', async () => {
  const trail = await shop.gate.readTrail()
  const finished = trail.filter(
    ({ event, tool, status }) => event === 'call.finished' && tool === 'git_push' && status === 'answered',
  )
  expect(finished.length).toBeGreaterThan(5)
  expect(JSON.stringify(trail)).not.toContain(token)
})
