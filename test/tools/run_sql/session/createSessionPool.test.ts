import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createSessionPool,
  type SessionPool,
  type TakenSession,
} from '../../../../src/tools/run_sql/session/createSessionPool.ts'
import { startTestServer, type TestServer } from '../testServer.ts'

const signal = new AbortController().signal
const LIMITS = { types: [], params: [], maxRows: 10, maxBytes: 1024 * 1024 }

describe.each([15, 16, 17, 18] as const)('the sessions of a connection, PostgreSQL %i', (major) => {
  let target: TestServer
  let pool: SessionPool
  const pools: SessionPool[] = []
  beforeAll(async () => {
    target = await startTestServer(
      major,
      'CREATE TABLE jobs (id int PRIMARY KEY); INSERT INTO jobs SELECT generate_series(1, 50)',
    )
    pool = open()
  })
  afterAll(async () => {
    await Promise.all(pools.map((each) => each.close()))
    await target.stop()
  })
  function open(changes: Record<string, unknown> = {}, secret = target.readSecret): SessionPool {
    const made = createSessionPool(target.connection({ limits: { maxSessions: 1 }, ...changes }), 'read', secret)
    pools.push(made)
    return made
  }

  test('knows the major version and pins what text means', async () => {
    expect(await pool.major(signal)).toBe(major)
    const session = await pool.take(signal)
    const { rows } = await session.query(
      "SELECT current_setting('standard_conforming_strings') AS strings, current_setting('client_encoding') AS encoding, current_setting('search_path') AS path, current_setting('default_transaction_read_only') AS read_only, current_setting('statement_timeout') AS timeout",
    )
    expect(rows).toEqual([{ strings: 'on', encoding: 'UTF8', path: 'public,pg_temp', read_only: 'on', timeout: '30s' }])
    session.release()
  })

  test('what goes in front of a statement comes before it, and when it fails the statement does not run', async () => {
    const session = await pool.take(signal)
    session.precede('BEGIN READ WRITE')
    await session.batch([{ text: 'CREATE TEMP TABLE seen (n int)' }])
    session.precede('SET TRANSACTION READ ONLY')
    expect(await session.run({ ...LIMITS, text: "SELECT current_setting('transaction_read_only')" })).toMatchObject({
      rows: [['on']],
      command: 'SELECT',
      count: 1,
    })
    await session.query('ROLLBACK')
    session.precede('SELECT 1 / 0')
    await expect(session.run({ ...LIMITS, text: 'SELECT pg_advisory_lock(8)' })).rejects.toThrow('division by zero')
    session.precede('SELECT 1 / 0')
    await expect(session.batch([{ text: 'SELECT pg_advisory_lock(8)' }])).rejects.toThrow('division by zero')
    session.precede('SELECT 1 / 0')
    await expect(session.query('SELECT pg_advisory_lock(8)')).rejects.toThrow('division by zero')
    const locks = await session.query("SELECT FROM pg_locks WHERE locktype = 'advisory'")
    expect(locks.rows).toHaveLength(0)
    session.release()
  })

  test('what goes in front of nothing is forgotten with the call', async () => {
    const first = await pool.take(signal)
    first.precede('SELECT pg_advisory_lock(9)')
    first.release()
    const second = await pool.take(signal)
    const { rows } = await second.query("SELECT FROM pg_locks WHERE locktype = 'advisory'")
    expect(rows).toHaveLength(0)
    second.release()
  })

  test('a prepared statement of ours is used again, and none outlives a call that made another by SQL', async () => {
    const ours = { text: 'SELECT $1::text[] AS list', params: [['a "b" \\ {c,d}', '']], name: 'ours' }
    const prepared = 'SELECT name FROM pg_prepared_statements ORDER BY name'
    const first = await pool.take(signal)
    expect(await first.batch([ours])).toEqual([{ rows: [{ list: '{"a \\"b\\" \\\\ {c,d}",""}' }] }])
    first.release()
    const second = await pool.take(signal)
    expect((await second.query(prepared)).rows).toEqual([{ name: 'ours' }])
    expect((await second.query(ours.text, ours.params, ours.name)).rows).toEqual([{ list: ours.params[0] }])
    await second.query('DEALLOCATE ours')
    await second.query("PREPARE ours AS SELECT ARRAY['forged'] AS list")
    second.release()
    const third = await pool.take(signal)
    expect((await third.query(prepared)).rows).toEqual([])
    expect((await third.query(ours.text, ours.params, ours.name)).rows).toEqual([{ list: ours.params[0] }])
    await third.query('DEALLOCATE ours')
    third.release()
    const fourth = await pool.take(signal)
    expect((await fourth.query(ours.text, ours.params, ours.name)).rows).toEqual([{ list: ours.params[0] }])
    fourth.release()
  })

  test('gives a session back without settings, locks, prepared statements, listeners or temporary tables', async () => {
    const first = await pool.take(signal)
    const pid = (await first.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid
    for (const sql of [
      'BEGIN READ WRITE',
      "SET standard_conforming_strings = 'on'",
      'SET statement_timeout = 0',
      'SET search_path = pg_catalog',
      'SELECT pg_advisory_lock(7)',
      'PREPARE p AS SELECT 1',
      'CREATE TEMP TABLE mine (n int)',
      'LISTEN channel',
      'COMMIT',
      'BEGIN',
    ])
      await first.query(sql)
    first.release()
    const second = await pool.take(signal)
    const { rows } =
      await second.query(`SELECT pg_backend_pid() AS pid, current_setting('statement_timeout') AS timeout,
      current_setting('search_path') AS path, to_regclass('pg_temp.mine') AS temporary,
      (SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'p') AS prepared, (SELECT count(*)::int FROM pg_listening_channels()) AS channels,
      (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks`)
    expect(rows).toEqual([
      { pid, timeout: '30s', path: 'public,pg_temp', temporary: null, prepared: 0, channels: 0, locks: 0 },
    ])
    second.release()
  })

  test.each([
    ['SET standard_conforming_strings = off', 'standard_conforming_strings'],
    ["SET client_encoding = 'LATIN1'", 'client_encoding'],
  ])('refuses to send text after %j, which would change its meaning', async (sql, parameter) => {
    const session = await pool.take(signal)
    await session.query(sql)
    expect(() => session.run({ ...LIMITS, text: "SELECT 'a\\' || '; DROP TABLE jobs; --'" })).toThrow(
      expect.objectContaining({ code: 'ERR_SQL_SERVER', facts: { parameter } }),
    )
    session.release()
    const next = await pool.take(signal)
    expect((await next.run({ ...LIMITS, text: "SELECT 'a\\'" })).rows).toEqual([['a\\']])
    next.release()
  })

  test('stops the server at the row limit, and the session goes on', async () => {
    const session = await pool.take(signal)
    await session.query('BEGIN')
    const result = await session.run({ ...LIMITS, text: 'SELECT generate_series(1, 10000000)', maxRows: 3 })
    expect(result.rows).toEqual([['1'], ['2'], ['3']])
    expect(result.command).toBeUndefined()
    const complete = await session.run({
      ...LIMITS,
      text: 'SELECT id FROM jobs WHERE id < $1',
      params: ['3'],
      types: [23],
    })
    expect(complete).toMatchObject({
      rows: [['1'], ['2']],
      command: 'SELECT',
      count: 2,
      fields: [{ name: 'id', typeId: 23 }],
    })
    session.release()
  })

  test('values that nobody will see are neither kept nor counted, so that a limit cannot tell how long they are', async () => {
    const session = await pool.take(signal)
    const text = (visible: number, hidden: number) =>
      `SELECT repeat('v', ${visible}) AS visible, repeat('h', ${hidden}) AS hidden FROM generate_series(1, 3)`
    const hidden = [false, true]
    for (const length of [0, 20 * 1024 * 1024]) {
      const { rows } = await session.run({ ...LIMITS, text: text(3, length), hidden })
      expect(rows).toEqual([
        ['vvv', null],
        ['vvv', null],
        ['vvv', null],
      ])
    }
    const tooMuch = session.run({ ...LIMITS, text: text(400_000, 0), hidden }).then(({ rows }) => rows.length)
    await expect(tooMuch).rejects.toThrow(/more than/)
    session.discard()
    // And memory stays bounded.
    const next = await pool.take(signal)
    const endless = next.run({ ...LIMITS, text: text(3, 200_000_000), hidden }).then(({ rows }) => rows.length)
    await expect(endless).rejects.toThrow(/more than/)
    next.discard()
  })

  test('cuts the connection over the byte limit in bounded memory, and opens another', async () => {
    const session = await pool.take(signal)
    const before = process.memoryUsage().rss
    await expect(session.run({ ...LIMITS, text: "SELECT repeat('a', 1000000000)" })).rejects.toThrow(/more than/)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
    expect(session.isOpen()).toBe(false)
    session.release()
    const next = await pool.take(signal)
    expect((await next.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    next.release()
  })

  test('takes one statement only, whatever the text', async () => {
    const session = await pool.take(signal)
    await expect(session.run({ ...LIMITS, text: 'SELECT 1; DROP TABLE jobs' })).rejects.toMatchObject({ code: '42601' })
    await expect(session.query('SELECT 1; DROP TABLE jobs')).rejects.toMatchObject({ code: '42601' })
    session.release()
  })

  test('stops a running statement on request', async () => {
    const session = await pool.take(signal)
    const running = session.run({ ...LIMITS, text: 'SELECT pg_sleep(60)' })
    running.catch(() => undefined)
    await target.admin('SELECT pg_sleep(0.1)')
    await session.cancel()
    await expect(running).rejects.toMatchObject({ code: '57014' })
    session.release()
  })

  test('gives nobody a session that somebody wanted to stop: the request may still be on its way', async () => {
    const pid = async (session: TakenSession) => (await session.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid
    const session = await pool.take(signal)
    const first = await pid(session)
    const prepared = { text: 'SELECT 1', name: 'held', isOnlyPrepared: true }
    await session.batch([{ text: 'BEGIN' }, prepared, { ...prepared, name: 'witness' }])
    const running = session.run({
      ...LIMITS,
      text: prepared.text,
      prepared: { name: 'held', witness: 'witness' },
    })
    const cancelled = session.cancel()
    await running.catch(() => undefined)
    session.release()
    await cancelled
    const next = await pool.take(signal)
    expect(await pid(next)).not.toBe(first)
    next.release()
  })

  test('lets the server stop a statement at its time limit', async () => {
    const quick = open({ limits: { maxSessions: 1, statementTimeout: '100ms' } })
    const session = await quick.take(signal)
    await expect(session.run({ ...LIMITS, text: 'SELECT pg_sleep(60)' })).rejects.toMatchObject({ code: '57014' })
    await expect(
      session.run({ ...LIMITS, text: "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)" }),
    ).rejects.toMatchObject({ code: '57014' })
    session.release()
  })

  test('reads the secret again when the password was rotated', async () => {
    const reads: string[] = []
    const rotating = open({}, async () => {
      reads.push(reads.length === 0 ? 'old-password' : 'read-password')
      return reads.at(-1) ?? ''
    })
    const session = await rotating.take(signal)
    expect(reads).toEqual(['old-password', 'read-password'])
    session.release()
  })

  test('names no credential when the server refuses it', async () => {
    const refused = open({}, async () => 'canary-password')
    const error = await refused.take(signal).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(JSON.stringify([error, String(error)])).not.toContain('canary-password')
  })

  test('makes a second call wait for the session, and refuses it after a while with ERR_BUSY', async () => {
    const first = await pool.take(signal)
    const second = pool.take(signal)
    first.release()
    const session = await second
    await expect(pool.take(signal)).rejects.toMatchObject({ code: 'ERR_BUSY' })
    session.release()
  })

  test('says that the target is unavailable when nothing listens there', async () => {
    await expect(open({ port: 1 }).take(signal)).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
  })
})
