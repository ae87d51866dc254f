import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'

// The built command, as users run it: `npm run test:e2e` builds first.
const MAIN = join(import.meta.dirname, '../../dist/main.js')

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

function countersign(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 }
    execFile(process.execPath, [MAIN, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-e2e-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('countersign demo --once', () => {
  test('plays the whole session on embedded parts, twice in the same folder, and leaves nothing running', async () => {
    for (const run of [1, 2]) {
      const { code, out } = await countersign(['demo', '--once', '--port', '18787', '--dir', join(folder, 'demo')])
      expect({ run, code }).toEqual({ run, code: 0 })
      expect(out).toContain('[masked:users.email]')
      expect(out).not.toMatch(/user\d+@shop\.example/)
      expect(out).toContain('ERR_POLICY_DENIED')
      expect(out).toContain('DELETE FROM jobs')
      expect(out).toMatch(/executed once: 148 rows/)
      expect(out).toContain('This ran already')
      expect(out).toMatch(/failed jobs before: 37, after: 0/)
      expect(out).toContain('✓ whole')
    }
    const config = join(folder, 'demo', 'countersign.yaml')
    const verified = await countersign(['audit', 'verify', join(folder, 'demo', 'audit'), '--config', config])
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('whole') })
  })

  test('a busy port is said at once, with what to do', async () => {
    const { createServer } = await import('node:http')
    const other = createServer().listen(18_788, '127.0.0.1')
    const { code, err } = await countersign(['demo', '--once', '--port', '18788', '--dir', join(folder, 'busy')])
    other.close()
    expect(code).toBe(2)
    expect(err).toContain('ERR_LISTEN')
    expect(err).toContain('--port')
  })
})

describe('wrong use is exit code 2 and says what is allowed', () => {
  test.each([
    [['frobnicate'], 'unknown command'],
    [['demo', '--port', 'eighty'], 'from 1 to 65535'],
    [['serve', '--config', 'missing.yaml'], 'missing.yaml'],
    [['explain', 'run_sql'], '--as'],
    [['approvals', 'deny', 'apr_x'], '--reason'],
    [['audit', 'verify', 'no-such-folder'], 'no-such-folder'],
  ])('%j', async (args, words) => {
    const { code, err } = await countersign(args)
    expect(code).toBe(2)
    expect(err).toContain(words)
  })

  test('every command has help with an example', async () => {
    const commands = [
      'serve',
      'demo',
      'check',
      'explain',
      'policy test',
      'audit verify',
      'audit show',
      'approvals list',
      'approvals show',
      'approvals approve',
      'approvals deny',
      'revoke',
    ]
    for (const command of commands) {
      const { code, out } = await countersign([...command.split(' '), '--help'])
      expect({ command, code }).toEqual({ command, code: 0 })
      expect(out).toMatch(/Example:\n {2}\$ countersign /)
    }
  })
})

describe('a gateway that is served', () => {
  let gate: RealGate
  beforeAll(async () => {
    gate = await startRealGate()
    // Its files are used by the served process; the one in here only made them.
    await gate.gateway.stop('request')
  })
  afterAll(() => gate?.stop())
  const running: ChildProcess[] = []
  afterEach(async () => {
    for (const child of running.splice(0)) await stop(child)
  })

  async function serve(): Promise<{ child: ChildProcess; log: () => string }> {
    const child = spawn(process.execPath, [MAIN, 'serve', '--config', gate.configPath], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    running.push(child)
    let text = ''
    child.stderr?.on('data', (data: Buffer) => {
      text += data.toString()
    })
    await expect.poll(() => text, { timeout: 20_000 }).toContain('listening')
    return { child, log: () => text }
  }

  test('answers, reloads on SIGHUP, is approved from the command line, and stops cleanly on SIGTERM', async () => {
    const { child, log } = await serve()
    expect(await gate.sql('SELECT count(*) FROM users')).toMatchObject({ status: 'ok', result: { rows: [[500]] } })

    const pending = await gate.sql("DELETE FROM jobs WHERE state = 'failed'", { reason: 'spring cleaning' })
    const id = pending.approval_id ?? ''
    const env = { COUNTERSIGN_TOKEN: await gate.issuer.mint('reviewer') }
    const asReviewer = (...args: string[]) => countersign(['approvals', ...args, '--url', gate.url], env)
    expect(await asReviewer('list')).toMatchObject({ code: 0, out: expect.stringContaining(id) })
    const shown = await asReviewer('show', id)
    expect(shown.out).toContain("DELETE FROM jobs WHERE state = 'failed'")
    expect(shown.out).toContain('120 rows')
    expect(shown.out).toContain('spring cleaning')
    expect(await asReviewer('approve', id)).toMatchObject({ code: 0 })
    expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })

    const policy = await readFile(gate.policyPath, 'utf8')
    await writeFile(gate.policyPath, policy.replace('SELECT|SHOW', 'SHOW'))
    child.kill('SIGHUP')
    await expect.poll(log).toContain('reloaded')
    expect(await gate.sql('SELECT count(*) FROM users')).toMatchObject({ code: 'ERR_POLICY_DENIED' })
    await writeFile(gate.policyPath, 'policy: [')
    child.kill('SIGHUP')
    await expect.poll(log).toContain('not reloaded')
    await writeFile(gate.policyPath, policy)

    expect(await stop(child)).toBe(0)
    const verified = await countersign(['audit', 'verify', gate.auditDir, '--config', gate.configPath])
    expect(verified).toMatchObject({ code: 0 })
    const timeline = await countersign(['audit', 'show', id, '--dir', gate.auditDir])
    expect(timeline.out).toContain('approval')
  })

  test('the kill switch from another process works at once, is listed, recorded and undone', async () => {
    await serve()
    const revoke = (...args: string[]) => countersign(['revoke', ...args, '--config', gate.configPath])
    const agent = '6f1c1b3e-0000-4000-8000-000000000010'
    expect(await gate.sql('SHOW server_version')).toMatchObject({ status: 'ok' })
    expect(await revoke('app', agent, '--reason', 'key leaked')).toMatchObject({ code: 0 })
    await expect(gate.sql('SHOW server_version')).rejects.toThrow('403')
    const listed = await revoke('list', '--json')
    const [entry] = JSON.parse(listed.out) as { number: number; id: string }[]
    expect(entry).toMatchObject({ id: agent })
    expect(await revoke('undo', String(entry?.number))).toMatchObject({ code: 0 })
    expect(await gate.sql('SHOW server_version')).toMatchObject({ status: 'ok' })
    const records = await gate.readTrail()
    expect(records.filter(({ event }) => String(event).startsWith('revocation.')).map(({ event }) => event)).toEqual([
      'revocation.added',
      'revocation.undone',
    ])
  })

  test('a trail of which nothing is left is broken, also beside one that is whole', async () => {
    const copy = join(folder, 'copy')
    const verify = () => countersign(['audit', 'verify', copy, '--config', gate.configPath])
    await cp(gate.auditDir, copy, { recursive: true })
    expect(await verify()).toMatchObject({
      code: 0,
      out: expect.stringMatching(/replica cli: whole[\s\S]*replica gate: whole/),
    })
    const files = (await readdir(copy)).filter((name) => name.endsWith('.jsonl'))
    for (const name of files.filter((name) => name.startsWith('trail-gate-'))) await rm(join(copy, name))
    expect(await verify()).toMatchObject({ code: 1, out: expect.stringContaining('replica gate: BROKEN') })
    for (const name of files) await rm(join(copy, name), { force: true })
    expect(await verify()).toMatchObject({ code: 1, out: expect.stringContaining('replica cli: BROKEN') })
  })

  test('check connects to the target and says what a platform engineer should know', async () => {
    const { code, out } = await countersign(['check', '--config', gate.configPath])
    expect(out).toContain('connections.prod-maintenance')
    expect(out).not.toContain('password-')
    expect(code).toBe(0)
  })

  test('explain says what a call would get, and runs nothing', async () => {
    const caller = join(folder, 'caller.json')
    await writeFile(caller, JSON.stringify({ kind: 'app', roles: ['db-maintenance-agents'] }))
    const explain = (sql: string) =>
      countersign([
        'explain',
        '--config',
        gate.configPath,
        '--as',
        caller,
        'run_sql',
        'connection=prod-maintenance',
        `sql=${sql}`,
      ])
    expect(await explain('SELECT id FROM users')).toMatchObject({ code: 0, out: expect.stringContaining('allow') })
    expect(await explain('DELETE FROM orders')).toMatchObject({
      code: 0,
      out: expect.stringContaining('require-approval'),
    })
    expect(await explain("DELETE FROM users WHERE email = '[masked:users.email]'")).toMatchObject({
      code: 1,
      out: expect.stringContaining('ERR_PLACEHOLDER'),
    })
    expect(await explain('DROP TABLE orders')).toMatchObject({ code: 1, out: expect.stringContaining('deny') })
    expect(await gate.admin('SELECT count(*) FROM orders')).toEqual([{ count: '4000' }])
  })
})

function stop(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(child.exitCode)
    child.once('exit', (code) => resolve(code))
    child.kill('SIGTERM')
  })
}
