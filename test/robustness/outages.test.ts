import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { startPostgres } from '../../src/demo/postgres.ts'
import { seedDemoDatabase } from '../../src/demo/seed.ts'
import { CREDENTIALS } from '../fixtures/realDatabase.ts'
import { type RealGate, type RealGateOptions, startRealGate } from '../fixtures/realGate.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(options: RealGateOptions = {}): Promise<RealGate> {
  const gate = await startRealGate(options)
  closing.push(() => gate.stop())
  return gate
}

const READ = 'SELECT count(*) FROM users'
const WRITE_POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT|INSERT
    action: allow
  - match: UPDATE
    action: require-approval
`
const INSERT = "INSERT INTO jobs (kind, state) VALUES ('outage', 'done')"
const inserted = async (gate: RealGate) =>
  Number((await gate.admin("SELECT count(*) AS n FROM jobs WHERE kind = 'outage'"))[0]?.n)
const ready = async (gate: RealGate) => (await fetch(new URL('/readyz', gate.url))).status

describe('the trail', () => {
  test('a folder that is gone refuses calls before they run, and /readyz says so; it comes back by itself', async () => {
    const gate = await open({ policies: [WRITE_POLICY] })
    expect(await gate.sql(INSERT)).toMatchObject({ status: 'ok' })
    // Records would go where nobody finds them: the next signature notices, at the latest the next file.
    const aside = `${gate.auditDir}.aside`
    renameSync(gate.auditDir, aside)
    writeFileSync(gate.auditDir, '')
    const answers: unknown[] = []
    await expect
      .poll(
        async () => {
          const { code } = await gate.sql(READ)
          answers.push(code)
          return code
        },
        { timeout: 30_000, interval: 20 },
      )
      .toBe('ERR_AUDIT')
    const before = await inserted(gate)
    expect(await gate.sql(INSERT)).toMatchObject({ status: 'failed', code: 'ERR_AUDIT' })
    expect(await inserted(gate)).toBe(before)
    expect(await ready(gate)).toBe(503)
    rmSync(gate.auditDir)
    renameSync(aside, gate.auditDir)
    await expect.poll(async () => (await gate.sql(INSERT)).status, { timeout: 15_000 }).toBe('ok')
    expect(await inserted(gate)).toBe(before + 1)
    expect(await ready(gate)).toBe(200)
    expect((await gate.readTrail()).some(({ event }) => event === 'trail.resumed')).toBe(true)
  })

  test.runIf(canMount())('a full disk refuses calls before they run; space brings them back (needs root)', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    closing.push(() => {
      execFileSync('umount', ['--lazy', disk])
      rmSync(disk, { recursive: true })
    })
    const dir = join(disk, 'audit')
    mkdirSync(dir)
    const gate = await open({ policies: [WRITE_POLICY], config: { audit: { dir } } })
    expect(await gate.sql(INSERT)).toMatchObject({ status: 'ok' })
    const filler = join(disk, 'filler')
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${filler} bs=4k 2>/dev/null || true`])
    await expect.poll(async () => (await gate.sql(READ)).code, { timeout: 15_000, interval: 10 }).toBe('ERR_AUDIT')
    const before = await inserted(gate)
    const refused = await Promise.all(Array.from({ length: 20 }, () => gate.sql(INSERT)))
    for (const answer of refused) expect(answer).toMatchObject({ status: 'failed', code: 'ERR_AUDIT' })
    expect(await inserted(gate)).toBe(before)
    rmSync(filler)
    await expect.poll(async () => (await gate.sql(INSERT)).status, { timeout: 15_000 }).toBe('ok')
    // Whatever started has its end, outage or not.
    const trail = await gate.readTrail()
    const ended = new Set(trail.filter(({ event }) => event === 'call.finished').map(({ call }) => call))
    for (const { event, call } of trail) if (event === 'call.started') expect(ended).toContain(call)
  })
})

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

describe('the store', () => {
  test('locked by another process: what needs it is refused with a code, nothing runs, and then all is well', async () => {
    const gate = await open({ policies: [WRITE_POLICY] })
    const update = "UPDATE jobs SET state = 'outage' WHERE id = 1"
    const other = new DatabaseSync(gate.storePath)
    closing.push(() => other.close())
    other.exec('BEGIN EXCLUSIVE')
    expect(await gate.sql(update)).toMatchObject({ status: 'failed', code: 'ERR_STORE' })
    expect(await gate.sql(INSERT, { idempotency_key: 'k' })).toMatchObject({ status: 'failed', code: 'ERR_STORE' })
    // A read asks the store whether somebody was revoked: it is answered while others wait for the lock.
    const order: string[] = []
    await Promise.all([
      gate.sql(update).then(({ code }) => order.push(code ?? '')),
      gate.sql(READ).then(({ status }) => order.push(status)),
    ])
    expect(order).toEqual(['ok', 'ERR_STORE'])
    other.exec('ROLLBACK')
    expect(await inserted(gate)).toBe(0)
    expect(await gate.sql(INSERT, { idempotency_key: 'k' })).toMatchObject({ status: 'ok' })
    expect(await gate.sql(update)).toMatchObject({ status: 'pending_approval' })
    expect(await inserted(gate)).toBe(1)
  })

  test('overwritten under the gateway: every call is refused with a code, and nothing runs', async () => {
    const gate = await open({ policies: [WRITE_POLICY] })
    expect(await gate.sql(READ)).toMatchObject({ status: 'ok' })
    const other = new DatabaseSync(gate.storePath)
    other.exec('DROP TABLE revocations')
    other.close()
    const answers = await Promise.allSettled([gate.sql(READ), gate.sql(INSERT)])
    for (const answer of answers) {
      const text = answer.status === 'fulfilled' ? JSON.stringify(answer.value) : String(answer.reason)
      expect(text).toContain('ERR_STORE')
    }
    expect(await inserted(gate)).toBe(0)
  })
})

describe('the target', () => {
  test('PostgreSQL stops in the middle and starts again: coded errors, then answers, and every call has its end', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'countersign-restart-'))
    closing.push(() => rmSync(dataDir, { recursive: true, force: true }))
    rmSync(dataDir, { recursive: true })
    let server = await startPostgres({ dataDir })
    closing.push(() => server.stop())
    await seedDemoDatabase(server, CREDENTIALS)
    const { host, port, superuser: user, password, major } = server
    const unused = () => Promise.reject(new TypeError('not for this test'))
    const gate = await open({
      database: {
        ...{ major, host, port, superuser: { user, password } },
        ...{ admin: unused, connect: unused, stop: async () => undefined, log: () => server.log() },
      },
    })
    expect(await gate.sql(READ)).toMatchObject({ status: 'ok' })
    const endless = gate.sql('SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b')
    await sleep(300)
    await server.stop()
    expect(await endless).toMatchObject({ status: 'failed', code: 'ERR_TARGET_UNAVAILABLE' })
    expect(await gate.sql(READ)).toMatchObject({ status: 'failed', code: 'ERR_TARGET_UNAVAILABLE' })
    expect(await gate.call('list_connections', {})).toMatchObject({ status: 'ok' })
    server = await startPostgres({ dataDir, port })
    expect(await gate.sql(READ)).toMatchObject({ status: 'ok', result: { rows: [[500]] } })
    const trail = await gate.readTrail()
    const ended = new Set(trail.filter(({ event }) => event === 'call.finished').map(({ call }) => call))
    for (const { event, call } of trail) if (event === 'call.started') expect(ended).toContain(call)
  })
})

describe('the issuer', () => {
  test('its keys cannot be had: known keys go on, unknown ones get a code that says to come back', async () => {
    const gate = await open()
    expect(await gate.sql(READ)).toMatchObject({ status: 'ok' })
    gate.issuer.misbehave('down')
    const known = await gate.mint()
    expect(await gate.sql(READ, {}, { token: known })).toMatchObject({ status: 'ok' })
    await gate.issuer.rotate('keep')
    const unknown = await gate.mint()
    await expect(gate.sql(READ, {}, { token: unknown })).rejects.toThrow(
      /50[0-9].*ERR_KEYS_UNAVAILABLE|401.*ERR_TOKEN_KEY/,
    )
    expect(await gate.sql(READ)).toMatchObject({ status: 'ok' })
  })
})
